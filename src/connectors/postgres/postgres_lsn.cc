// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_lsn.h"

#include <fmt/format.h>

#include <charconv>

namespace sluice {
namespace {

constexpr std::string_view kPrefix = "v1;lsn=";

bool parse_hex(std::string_view text, uint32_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<Lsn> Lsn::parse(std::string_view text) {
  const size_t slash = text.find('/');
  uint32_t high = 0;
  uint32_t low = 0;
  if (slash == std::string_view::npos || !parse_hex(text.substr(0, slash), high) ||
      !parse_hex(text.substr(slash + 1), low)) {
    return Error(ErrorCode::kData, fmt::format("'{}' is not a place in a PostgreSQL log", text));
  }
  return Lsn{uint64_t{high} << 32 | low};
}

Result<Lsn> Lsn::of(const Position& position) {
  const std::string_view text = position.text;
  if (!text.starts_with(kPrefix)) {
    return Error(ErrorCode::kState, fmt::format("'{}' is not a position of a PostgreSQL source", text),
                 "The ledger belongs to another source: use another pipeline name, or --reset.");
  }
  return parse(text.substr(kPrefix.size()));
}

std::string Lsn::text() const {
  return fmt::format("{:X}/{:X}", static_cast<uint32_t>(value >> 32), static_cast<uint32_t>(value));
}

Position Lsn::position() const { return {std::string(kPrefix) + text()}; }

}  // namespace sluice
