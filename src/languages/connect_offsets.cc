// SPDX-License-Identifier: Apache-2.0
#include "languages/connect_offsets.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace sluice {
namespace {

using nlohmann::json;
using namespace std::string_view_literals;

// As Java's serialization has it: an object of the class java.util.HashMap, with its two fields' descriptions.
constexpr std::string_view kHashMap =
    "\xAC\xED\x00\x05sr\x00\x11java.util.HashMap\x05\x07\xDA\xC1\xC3\x16\x60\xD1\x03\x00\x02"
    "F\x00\x0AloadFactorI\x00\x09thresholdxp"sv;
constexpr std::string_view kByteArrayClass = "r\x00\x02[B\xAC\xF3\x17\xF8\x06\x08T\xE0\x02\x00\x00xp"sv;
constexpr std::string_view kStreamMagic = "\xAC\xED\x00\x05"sv;
constexpr char kNull = 'p';
constexpr char kReference = 'q';
constexpr char kArray = 'u';
constexpr char kEnd = 'x';
constexpr uint32_t kFirstHandle = 0x7E0000;  // the class HashMap; behind it the map, the class byte[], then the arrays
constexpr uint32_t kByteArrayHandle = kFirstHandle + 2;
constexpr uint32_t kFirstArrayHandle = kFirstHandle + 3;

class JavaMap {
 public:
  explicit JavaMap(std::string_view bytes) : rest_(bytes) {}

  // Keys and values; null if the bytes are anything else.
  std::optional<std::vector<std::pair<std::string, std::string>>> read() {
    uint32_t size = 0;
    if (!take(kHashMap) || !skip(8) || !take({"w\x08", 2}) || !number(size) || !number(size)) return std::nullopt;
    std::vector<std::pair<std::string, std::string>> entries;
    for (uint32_t i = 0; i < size; ++i) {
      auto key = bytes();
      auto value = bytes();
      if (!key || !value) return std::nullopt;
      entries.emplace_back(std::move(*key), std::move(*value));
    }
    if (rest_.empty() || rest_.front() != kEnd) return std::nullopt;
    return entries;
  }

 private:
  bool take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  bool skip(size_t count) {
    if (rest_.size() < count) return false;
    rest_.remove_prefix(count);
    return true;
  }
  bool number(uint32_t& out) {
    if (rest_.size() < 4) return false;
    out = 0;
    for (size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<unsigned char>(rest_[i]);
    return skip(4);
  }
  // A byte[], one that came before, or null as an empty text.
  std::optional<std::string> bytes() {
    if (rest_.empty()) return std::nullopt;
    const char kind = rest_.front();
    rest_.remove_prefix(1);
    uint32_t handle = 0;
    if (kind == kNull) return std::string();
    if (kind == kReference) {
      if (!number(handle) || handle < kFirstArrayHandle || handle - kFirstArrayHandle >= arrays_.size()) {
        return std::nullopt;
      }
      return arrays_[handle - kFirstArrayHandle];
    }
    if (kind != kArray) return std::nullopt;
    if (arrays_.empty()) {
      if (!take(kByteArrayClass)) return std::nullopt;
    } else if (!take({&kReference, 1}) || !number(handle) || handle != kByteArrayHandle) {
      return std::nullopt;
    }
    uint32_t length = 0;
    if (!number(length) || rest_.size() < length) return std::nullopt;
    arrays_.emplace_back(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return arrays_.back();
  }

  std::string_view rest_;
  std::vector<std::string> arrays_;
};

// Connect may have written a schema with it.
json parsed(std::string_view text) {
  json value = json::parse(text, nullptr, false);
  if (value.is_object() && value.contains("schema") && value.contains("payload")) return value["payload"];
  return value;
}

std::string text_at(const json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
}

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

// Of a key ["connector",{"server":"prefix"}] and its value; records of other forms are not ours.
void add_record(std::string_view key_text, std::string_view value_text, std::vector<ConnectOffset>& out) {
  const json key = parsed(key_text);
  if (!key.is_array() || key.size() != 2 || !key[0].is_string()) return;
  ConnectOffset offset{.connector = key[0].get<std::string>(), .server = text_at(key[1], "server"), .offset = {}};
  std::erase_if(out, [&](const ConnectOffset& other) {
    return other.connector == offset.connector && other.server == offset.server;
  });
  const json value = parsed(value_text);
  if (!value.is_object()) return;  // null: the offset was removed
  offset.offset = dumped(value);
  out.push_back(std::move(offset));
}

std::vector<ConnectOffset> of_rest_answer(const json& answer) {
  std::vector<ConnectOffset> out;
  for (const json& each : answer["offsets"]) {
    if (!each.is_object() || !each.contains("partition") || !each.contains("offset")) continue;
    out.push_back({.connector = {}, .server = text_at(each["partition"], "server"), .offset = dumped(each["offset"])});
  }
  return out;
}

bool is_true(const json& object, const char* key) {
  return object.contains(key) && (object[key] == true || object[key] == "true");
}
bool is_set(const json& object, const char* key) {
  return object.contains(key) && !object[key].is_null() && object[key] != false && object[key] != "false" &&
         object[key] != "";
}
std::optional<int64_t> number_at(const json& object, const char* key) {
  if (!object.contains(key) || !object[key].is_number_integer()) return std::nullopt;
  return object[key].get<int64_t>();
}

Error unusable(std::string message, std::string advice) {
  return Error(ErrorCode::kConfig, std::move(message), std::move(advice));
}

Result<TakenOver> take_over_mysql(const json& offset) {
  TakenOver taken;
  taken.options.emplace_back("scan.startup.mode", "specific-offset");
  const std::string gtids = text_at(offset, "gtids");
  const auto pos = number_at(offset, "pos");
  if (!gtids.empty()) {
    taken.options.emplace_back("scan.startup.specific-offset.gtid-set", gtids);
  } else if (const std::string file = text_at(offset, "file"); !file.empty() && pos) {
    taken.options.emplace_back("scan.startup.specific-offset.file", file);
    taken.options.emplace_back("scan.startup.specific-offset.pos", fmt::format("{}", *pos));
  } else {
    return unusable("the offset has neither 'gtids' nor 'file' and 'pos'", "Is it of a MySQL or MariaDB connector?");
  }
  const int64_t events = number_at(offset, "event").value_or(0);
  const int64_t rows = number_at(offset, "row").value_or(0);
  if (events > 0 || rows > 0) {
    taken.warning =
        fmt::format("the connector stopped inside a transaction, behind {} events and {} rows of it", events, rows);
  }
  return taken;
}

Result<TakenOver> take_over_postgres(const json& offset) {
  // Everything that was committed before lsn_commit was handed on. Where no commit was seen yet, a transaction whose
  // row is at `lsn` is committed behind it.
  auto lsn = number_at(offset, "lsn_commit");
  if (!lsn) lsn = number_at(offset, "lsn_proc");
  if (!lsn) lsn = number_at(offset, "lsn");
  if (!lsn)
    return unusable("the offset has neither 'lsn_commit' nor 'lsn_proc' nor 'lsn'", "Is it of a PostgreSQL connector?");
  TakenOver taken;
  const auto value = static_cast<uint64_t>(*lsn);
  taken.options.emplace_back("scan.startup.mode", "specific-offset");
  taken.options.emplace_back("scan.startup.specific-offset.lsn",
                             fmt::format("{:X}/{:X}", value >> 32, value & 0xFFFFFFFF));
  const auto done = number_at(offset, "lsn_proc");
  if (done && *done > *lsn) taken.warning = "the connector stopped inside a transaction";
  return taken;
}

}  // namespace

Result<std::vector<ConnectOffset>> parse_connect_offsets(std::string_view bytes) {
  std::vector<ConnectOffset> out;
  if (bytes.starts_with(kStreamMagic)) {
    const auto entries = JavaMap(bytes).read();
    if (!entries) {
      return unusable("the file is no HashMap<byte[],byte[]> as Java serializes it",
                      "Give the file that offset.storage.file.filename names.");
    }
    for (const auto& [key, value] : *entries) add_record(key, value, out);
    return out;
  }
  const json whole = json::parse(bytes, nullptr, false);
  if (whole.is_object() && whole.contains("offsets") && whole["offsets"].is_array()) return of_rest_answer(whole);
  bool any = false;
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    any = true;
    add_record(line.substr(0, tab), line.substr(tab + 1), out);
  }
  if (any) return out;
  return unusable("the file holds no offsets of Kafka Connect",
                  "It can be offset.storage.file.filename's, lines of key, tabulator and value of a distributed "
                  "worker's topic, or the answer of GET /connectors/NAME/offsets.");
}

Result<TakenOver> take_over(std::string_view text, bool postgres) {
  const json offset = parsed(text);
  if (!offset.is_object()) return unusable("the offset is no JSON object", "");
  const bool completed = is_true(offset, "snapshot_completed") || is_true(offset, "last_snapshot_record");
  if (is_set(offset, "snapshot") && !completed) {
    return unusable("the connector's initial snapshot was not finished",
                    "Let the connector finish it, or leave --take-over out: the job then copies all rows itself.");
  }
  if (is_set(offset, "incremental_snapshot_collections") &&
      text_at(offset, "incremental_snapshot_collections") != "[]") {
    return unusable("an incremental snapshot of the connector was not finished",
                    "Let the connector finish it, or stop it with the signal stop-snapshot.");
  }
  return postgres ? take_over_postgres(offset) : take_over_mysql(offset);
}

}  // namespace sluice
