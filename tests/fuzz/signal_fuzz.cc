// SPDX-License-Identifier: Apache-2.0
// Any bytes are a signal or an error with a message; so are its data; nothing throws.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "signals/signal.h"

namespace {

template <typename T>
void check(const sluice::Result<T>& parsed) {
  SLUICE_CHECK(parsed.has_value() || !parsed.error().message().empty());
}

void check_data(std::string_view data) {
  const auto order = sluice::parse_execute_snapshot(data);
  check(order);
  check(sluice::parse_stop_snapshot(data));
  check(sluice::parse_log(data));
  if (order && order->tables[0].size() < 100) (void)sluice::matches_table(order->tables[0], "shop.orders");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto signal = sluice::parse_signal(text);
  check(signal);
  check_data(text);
  if (signal) check_data(signal->data);
  return 0;
}
