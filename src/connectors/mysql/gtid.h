// SPDX-License-Identifier: Apache-2.0
// Global transaction identifiers of MySQL ("uuid:1-7:9-10", with tags since 8.3) and MariaDB ("0-1-100,1-2-5").
// MySQL's sets have gaps and are compared by containment only; MariaDB's positions hold the last transaction of each
// replication domain, and a domain's sequence numbers only grow.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/byte_reader.h"

namespace sluice::mysql {

// One source of transactions: a server's UUID and a tag (lower case, empty for none).
struct GtidSource {
  std::array<uint8_t, 16> uuid{};
  std::string tag;

  friend auto operator<=>(const GtidSource&, const GtidSource&) = default;
};

struct Gtid {
  GtidSource source;
  uint64_t number = 0;

  static Result<Gtid> parse(std::string_view text);
  std::string text() const;  // "uuid:5" or "uuid:tag:5"
  friend bool operator==(const Gtid&, const Gtid&) = default;
};

class GtidSet {
 public:
  // Accepts what the server accepts: white space, upper case, overlapping and unordered intervals; empty is a set.
  static Result<GtidSet> parse(std::string_view text);
  // The form of PREVIOUS_GTIDS and COM_BINLOG_DUMP_GTID, with or without tags.
  static Result<GtidSet> decode(Bytes encoded);
  // Tagged only if the set has a tag, because servers before 8.3 do not know that form.
  std::string encode() const;
  // Canonical: ordered, merged, lower case.
  std::string text() const;

  bool empty() const { return sources_.empty(); }
  bool contains(const Gtid& gtid) const;
  bool contains(const GtidSet& other) const;
  void add(const Gtid& gtid) { add_interval(gtid.source, gtid.number, gtid.number); }
  void add(const GtidSet& other);
  void subtract(const GtidSet& other);
  // Both ends inclusive; 1 <= first <= last.
  void add_interval(const GtidSource& source, uint64_t first, uint64_t last);

  friend bool operator==(const GtidSet&, const GtidSet&) = default;

 private:
  struct Interval {
    uint64_t first;
    uint64_t last;  // inclusive
    friend bool operator==(const Interval&, const Interval&) = default;
  };
  // Ordered, disjoint, not adjacent; never empty.
  std::map<GtidSource, std::vector<Interval>> sources_;
};

struct MariadbGtid {
  uint32_t domain = 0;
  uint32_t server = 0;
  uint64_t sequence = 0;

  static Result<MariadbGtid> parse(std::string_view text);
  std::string text() const;
  friend bool operator==(const MariadbGtid&, const MariadbGtid&) = default;
};

// The last transaction per domain.
class MariadbGtidPosition {
 public:
  static Result<MariadbGtidPosition> parse(std::string_view text);
  std::string text() const;  // ordered by domain

  bool empty() const { return domains_.empty(); }
  // True if the domain has reached the sequence number, whichever server wrote it.
  bool contains(const MariadbGtid& gtid) const;
  bool contains(const MariadbGtidPosition& other) const;
  // The newest transaction of its domain; an older one than known changes nothing.
  void add(const MariadbGtid& gtid);
  void add(const MariadbGtidPosition& other);
  const std::map<uint32_t, MariadbGtid>& domains() const { return domains_; }

  friend bool operator==(const MariadbGtidPosition&, const MariadbGtidPosition&) = default;

 private:
  std::map<uint32_t, MariadbGtid> domains_;
};

}  // namespace sluice::mysql
