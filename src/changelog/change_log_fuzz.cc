// SPDX-License-Identifier: Apache-2.0
// The input is a segment's records without their checksums: [type][length, 2 bytes][payload] again and again. What can
// be read is written and read again, which must give the same bytes.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "changelog/record_codec.h"

namespace sluice {
namespace {

void run(std::string_view in) {
  ElementDecoder decoder;
  ElementEncoder encoder;
  ElementDecoder again;
  while (in.size() >= 3) {
    const auto type = static_cast<RecordType>(in[0]);
    const size_t length = static_cast<uint8_t>(in[1]) | size_t{static_cast<uint8_t>(in[2])} << 8;
    in.remove_prefix(3);
    const std::string_view payload = in.substr(0, length);
    in.remove_prefix(payload.size());
    if (type == RecordType::kState || type == RecordType::kTables) {
      const auto state = decode_state(payload);
      if (!state) continue;
      const std::string bytes = encode_state(*state);
      const auto back = decode_state(bytes);
      SLUICE_CHECK(back.has_value() && encode_state(*back) == bytes);
      continue;
    }
    const auto element = decoder.decode(type, payload);
    if (!element || !*element) continue;
    std::vector<Record> records;
    encoder.encode(**element, records);
    for (const Record& record : records) {
      auto back = again.decode(record.type, record.payload);
      SLUICE_CHECK(back.has_value());
      if (!*back) continue;
      SLUICE_CHECK((*back)->index() == (*element)->index());
      if (const auto* batch = std::get_if<ChangeBatch>(&**back)) {
        const auto& first = std::get<ChangeBatch>(**element);
        SLUICE_CHECK(batch->kinds == first.kinds && batch->columns.size() == first.columns.size());
        for (size_t row = 0; row < first.rows(); ++row) {
          for (size_t i = 0; i < first.columns.size(); ++i) {
            SLUICE_CHECK(batch->columns[i].equal_at(row, first.columns[i], row));
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
