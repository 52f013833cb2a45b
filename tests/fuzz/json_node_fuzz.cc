// SPDX-License-Identifier: Apache-2.0
// Any bytes are JSON that comes out as a text which is read as the same tree, or an error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "codec/json_node.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto node = sluice::parse_json_node({reinterpret_cast<const char*>(data), size});
  if (!node) return 0;
  std::string text;
  sluice::append_json_node(*node, text);
  const auto again = sluice::parse_json_node(text);
  SLUICE_CHECK(again.has_value());
  std::string same;
  sluice::append_json_node(*again, same);
  SLUICE_CHECK(text == same);
  SLUICE_CHECK(!sluice::json_string(sluice::json_plain(*node)).is_null());
  return 0;
}
