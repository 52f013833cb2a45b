// SPDX-License-Identifier: Apache-2.0
// Fuzzes the server's side of MySQL's protocol: the first byte says how the bytes are cut, the rest is what a client
// sends. A client without the password never gets a statement carried out, and every answer is whole packets.
#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "tenants/mysql_dialog.h"

namespace {

constexpr size_t kHead = 4;

void check_packets(std::string_view out) {
  while (!out.empty()) {
    SLUICE_CHECK(out.size() >= kHead);
    size_t size = 0;
    for (size_t i = 0; i < 3; ++i) size |= static_cast<size_t>(static_cast<unsigned char>(out[i])) << (8 * i);
    SLUICE_CHECK(size > 0 && out.size() >= kHead + size);
    out.remove_prefix(kHead + size);
  }
}

void converse(std::string_view input, size_t part, bool with_password) {
  bool logged_in = false;
  sluice::MysqlDialogOptions options;
  options.scramble = "abcdefghijklmnopqrst";
  if (with_password) options.password = "not to be guessed";
  sluice::MysqlDialog* self = nullptr;
  options.execute = [&](const sluice::Statement&) -> sluice::Result<sluice::StatementResult> {
    SLUICE_CHECK(self->logged_in() && !with_password);
    sluice::StatementResult result;
    result.rows.columns = {"a", "b"};
    result.rows.rows = {{"x", std::nullopt}};
    result.notes = {"a note"};
    return result;
  };
  sluice::MysqlDialog dialog(options);
  self = &dialog;
  check_packets(dialog.greeting());
  for (bool open = true; open && !input.empty();) {
    std::string out;
    open = dialog.receive(input.substr(0, part), out);
    input.remove_prefix(std::min(part, input.size()));
    check_packets(out);
    logged_in = logged_in || dialog.logged_in();
  }
  SLUICE_CHECK(!logged_in || !with_password);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t part = size_t{data[0]} + 1;
  converse(input, part, false);
  converse(input, part, true);
  return 0;
}
