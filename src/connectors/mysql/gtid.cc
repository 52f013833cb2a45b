// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/gtid.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sluice::mysql {
namespace {

constexpr uint64_t kMaxNumber = INT64_MAX - 1;
constexpr size_t kMaxTag = 32;

std::string_view trimmed(std::string_view text) {
  auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Cuts the part before `separator` off the front of `text`.
std::string_view next_part(std::string_view& text, char separator) {
  size_t end = text.find(separator);
  std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return part;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool parse_uuid(std::string_view text, std::array<uint8_t, 16>& uuid) {
  size_t digits = 0;
  for (char c : text) {
    if (c == '-') continue;
    int value = hex_digit(c);
    if (value < 0 || digits == 32) return false;
    uuid[digits / 2] = static_cast<uint8_t>(uuid[digits / 2] << 4 | value);
    ++digits;
  }
  return digits == 32;
}

std::string uuid_text(const std::array<uint8_t, 16>& uuid) {
  std::string text;
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", uuid[i]);
  }
  return text;
}

bool parse_tag(std::string_view text, std::string& tag) {
  if (text.empty() || text.size() > kMaxTag || (text[0] >= '0' && text[0] <= '9')) return false;
  tag.clear();
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
    tag += c;
  }
  return true;
}

Error bad_set(std::string_view text) {
  return Error(ErrorCode::kConfig, fmt::format("'{}' is not a GTID set", text.substr(0, 200)),
               "Write it as the server prints it in @@gtid_executed: uuid:1-7:9-10,uuid:tag:1-5.");
}

Error bad_encoding(size_t offset) {
  return Error(ErrorCode::kCorrupt, fmt::format("decoding a GTID set: damaged at byte {}", offset));
}

void store(std::string& out, uint64_t value) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
}

}  // namespace

Result<Gtid> Gtid::parse(std::string_view text) {
  std::string_view rest = trimmed(text);
  Gtid gtid;
  bool good = parse_uuid(trimmed(next_part(rest, ':')), gtid.source.uuid);
  if (good && rest.find(':') != std::string_view::npos)
    good = parse_tag(trimmed(next_part(rest, ':')), gtid.source.tag);
  if (!good || !parse_number(trimmed(rest), gtid.number) || gtid.number == 0 || gtid.number > kMaxNumber) {
    return Error(ErrorCode::kConfig, fmt::format("'{}' is not a GTID", text.substr(0, 200)));
  }
  return gtid;
}

std::string Gtid::text() const {
  return source.tag.empty() ? fmt::format("{}:{}", uuid_text(source.uuid), number)
                            : fmt::format("{}:{}:{}", uuid_text(source.uuid), source.tag, number);
}

Result<GtidSet> GtidSet::parse(std::string_view text) {
  GtidSet set;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view entry = trimmed(next_part(rest, ','));
    if (entry.empty()) continue;
    GtidSource source;
    if (!parse_uuid(trimmed(next_part(entry, ':')), source.uuid)) return bad_set(text);
    while (!entry.empty()) {
      std::string_view part = trimmed(next_part(entry, ':'));
      if (part.empty()) return bad_set(text);
      if (part[0] < '0' || part[0] > '9') {
        if (!parse_tag(part, source.tag)) return bad_set(text);
        continue;
      }
      bool range = part.find('-') != std::string_view::npos;
      uint64_t first = 0;
      if (!parse_number(trimmed(next_part(part, '-')), first)) return bad_set(text);
      uint64_t last = first;
      if (range && !parse_number(trimmed(part), last)) return bad_set(text);
      if (first == 0 || last > kMaxNumber) return bad_set(text);
      if (first <= last) set.add_interval(source, first, last);
    }
  }
  return set;
}

Result<GtidSet> GtidSet::decode(Bytes encoded) {
  ByteReader reader(encoded);
  uint64_t count = reader.u64();
  bool tagged = count >> 56 == 1;
  if (tagged) {
    count = count >> 8 & 0xffffffffffff;
  } else if (count >> 56 != 0) {
    return Error(ErrorCode::kUnsupported, fmt::format("decoding a GTID set: unknown format {}", count >> 56));
  }
  GtidSet set;
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    GtidSource source;
    Bytes uuid = reader.bytes(source.uuid.size());
    std::copy(uuid.begin(), uuid.end(), source.uuid.begin());
    if (tagged) {
      // A number of MySQL's serialization library; a tag is at most 32 long, so it is one byte with a 0 bit in front.
      uint8_t length = reader.u8();
      if ((length & 1) != 0 || length / 2 > kMaxTag) return bad_encoding(reader.offset());
      source.tag = reader.text(length / 2);
    }
    uint64_t intervals = reader.u64();
    for (uint64_t k = 0; k < intervals && !reader.failed(); ++k) {
      uint64_t first = reader.u64();
      uint64_t end = reader.u64();
      if (reader.failed()) break;
      if (first == 0 || end <= first || end > kMaxNumber + 1) return bad_encoding(reader.offset());
      set.add_interval(source, first, end - 1);
    }
  }
  if (reader.failed()) return bad_encoding(encoded.size());
  return set;
}

std::string GtidSet::encode() const {
  bool tagged =
      std::any_of(sources_.begin(), sources_.end(), [](const auto& entry) { return !entry.first.tag.empty(); });
  std::string out;
  uint64_t count = sources_.size();
  store(out, tagged ? uint64_t{1} << 56 | count << 8 | 1 : count);
  for (const auto& [source, intervals] : sources_) {
    out.append(reinterpret_cast<const char*>(source.uuid.data()), source.uuid.size());
    if (tagged) {
      out += static_cast<char>(source.tag.size() << 1);
      out += source.tag;
    }
    store(out, intervals.size());
    for (const Interval& interval : intervals) {
      store(out, interval.first);
      store(out, interval.last + 1);
    }
  }
  return out;
}

std::string GtidSet::text() const {
  std::string out;
  const GtidSource* previous = nullptr;
  for (const auto& [source, intervals] : sources_) {
    if (previous == nullptr || previous->uuid != source.uuid) {
      if (previous != nullptr) out += ',';
      out += uuid_text(source.uuid);
    }
    if (!source.tag.empty()) out += ":" + source.tag;
    for (const Interval& interval : intervals) {
      out += interval.first == interval.last ? fmt::format(":{}", interval.first)
                                             : fmt::format(":{}-{}", interval.first, interval.last);
    }
    previous = &source;
  }
  return out;
}

bool GtidSet::contains(const Gtid& gtid) const {
  auto found = sources_.find(gtid.source);
  if (found == sources_.end()) return false;
  const auto& intervals = found->second;
  auto behind = std::upper_bound(intervals.begin(), intervals.end(), gtid.number,
                                 [](uint64_t number, const Interval& interval) { return number < interval.first; });
  return behind != intervals.begin() && gtid.number <= std::prev(behind)->last;
}

bool GtidSet::contains(const GtidSet& other) const {
  for (const auto& [source, intervals] : other.sources_) {
    auto found = sources_.find(source);
    if (found == sources_.end()) return false;
    auto mine = found->second.begin();
    for (const Interval& interval : intervals) {
      while (mine != found->second.end() && mine->last < interval.first) ++mine;
      if (mine == found->second.end() || mine->first > interval.first || mine->last < interval.last) return false;
    }
  }
  return true;
}

void GtidSet::add(const GtidSet& other) {
  for (const auto& [source, intervals] : other.sources_) {
    for (const Interval& interval : intervals) add_interval(source, interval.first, interval.last);
  }
}

void GtidSet::add_interval(const GtidSource& source, uint64_t first, uint64_t last) {
  auto& intervals = sources_[source];
  // The first interval that touches [first, last], which is nearly always the last one.
  auto from = std::lower_bound(intervals.begin(), intervals.end(), first,
                               [](const Interval& interval, uint64_t number) { return interval.last + 1 < number; });
  auto to = from;
  while (to != intervals.end() && to->first <= last + 1) ++to;
  if (from == to) {
    intervals.insert(from, Interval{first, last});
    return;
  }
  from->first = std::min(from->first, first);
  from->last = std::max(std::prev(to)->last, last);
  intervals.erase(std::next(from), to);
}

void GtidSet::subtract(const GtidSet& other) {
  for (const auto& [source, removed] : other.sources_) {
    auto found = sources_.find(source);
    if (found == sources_.end()) continue;
    std::vector<Interval> left;
    for (Interval mine : found->second) {
      for (const Interval& hole : removed) {
        if (hole.last < mine.first) continue;
        if (hole.first > mine.last) break;
        if (hole.first > mine.first) left.push_back({mine.first, hole.first - 1});
        mine.first = hole.last + 1;
      }
      if (mine.first <= mine.last) left.push_back(mine);
    }
    if (left.empty()) {
      sources_.erase(found);
    } else {
      found->second = std::move(left);
    }
  }
}

Result<MariadbGtid> MariadbGtid::parse(std::string_view text) {
  std::string_view rest = trimmed(text);
  MariadbGtid gtid;
  if (!parse_number(next_part(rest, '-'), gtid.domain) || !parse_number(next_part(rest, '-'), gtid.server) ||
      !parse_number(rest, gtid.sequence)) {
    return Error(ErrorCode::kConfig, fmt::format("'{}' is not a MariaDB GTID", text.substr(0, 200)),
                 "Write it as domain-server-sequence, for example 0-1-100.");
  }
  return gtid;
}

std::string MariadbGtid::text() const { return fmt::format("{}-{}-{}", domain, server, sequence); }

Result<MariadbGtidPosition> MariadbGtidPosition::parse(std::string_view text) {
  MariadbGtidPosition position;
  std::string_view rest = trimmed(text);
  while (!rest.empty()) {
    ASSIGN_OR_RETURN(MariadbGtid gtid, MariadbGtid::parse(next_part(rest, ',')));
    if (!position.domains_.try_emplace(gtid.domain, gtid).second) {
      return Error(ErrorCode::kConfig, fmt::format("'{}' names domain {} twice", text.substr(0, 200), gtid.domain));
    }
  }
  return position;
}

std::string MariadbGtidPosition::text() const {
  std::string out;
  for (const auto& [domain, gtid] : domains_) {
    if (!out.empty()) out += ',';
    out += gtid.text();
  }
  return out;
}

bool MariadbGtidPosition::contains(const MariadbGtid& gtid) const {
  auto found = domains_.find(gtid.domain);
  return found != domains_.end() && found->second.sequence >= gtid.sequence;
}

bool MariadbGtidPosition::contains(const MariadbGtidPosition& other) const {
  return std::all_of(other.domains_.begin(), other.domains_.end(),
                     [this](const auto& entry) { return contains(entry.second); });
}

void MariadbGtidPosition::add(const MariadbGtid& gtid) {
  auto [entry, is_new] = domains_.try_emplace(gtid.domain, gtid);
  if (!is_new && entry->second.sequence < gtid.sequence) entry->second = gtid;
}

void MariadbGtidPosition::add(const MariadbGtidPosition& other) {
  for (const auto& [domain, gtid] : other.domains_) add(gtid);
}

}  // namespace sluice::mysql
