// SPDX-License-Identifier: Apache-2.0
#include "verify/row_names.h"

#include <optional>

#include "data/value_text.h"

namespace sluice {
namespace {

constexpr size_t kLongestValue = 40;  // bytes shown of a table's values that has no key

// The rows of one side, by key.
struct FoundRows {
  ChangeBatch rows;
  std::unordered_map<Digest, size_t, DigestHash> by_key;

  EachBatch collect(const Differences& wanted) {
    return [this, &wanted](const ChangeBatch& batch) -> Result<> {
      for (size_t row = 0; row < batch.rows(); ++row) {
        const Digest key = key_digest(batch, row);
        if (!wanted.contains(key) || !by_key.try_emplace(key, rows.rows()).second) continue;
        rows.append_row_from(batch, row);
      }
      return {};
    };
  }
  std::optional<size_t> find(const Digest& key) const {
    const auto found = by_key.find(key);
    return found == by_key.end() ? std::nullopt : std::optional(found->second);
  }
};

// Cut where a character begins.
std::string shortened(std::string text) {
  if (text.size() <= kLongestValue) return text;
  size_t end = kLongestValue;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::vector<std::pair<std::string, std::optional<std::string>>> key_of(const ChangeBatch& rows, size_t row) {
  const TableSchema& schema = *rows.schema;
  std::vector<std::pair<std::string, std::optional<std::string>>> key;
  const auto add = [&](size_t column) {
    std::optional<std::string> text;
    if (rows.columns[column].has_value(row)) {
      append_value_text(rows.columns[column], schema.columns[column].type, row, text.emplace());
      if (schema.key.empty()) text = shortened(std::move(*text));
    }
    key.emplace_back(schema.columns[column].name, std::move(text));
  };
  for (const uint32_t column : schema.key) add(column);
  for (size_t column = 0; schema.key.empty() && column < schema.columns.size(); ++column) add(column);
  return key;
}

}  // namespace

Result<std::vector<NamedDifference>> name_differences(Sides& sides, ChunkReader& source, TableReader& target,
                                                      const Range& range, const Differences& wanted) {
  FoundRows ours{.rows = ChangeBatch(range.target), .by_key = {}};
  FoundRows theirs{.rows = ChangeBatch(range.target), .by_key = {}};
  RETURN_IF_ERROR(sides.read_source(source, range, ours.collect(wanted)));
  RETURN_IF_ERROR(sides.read_target(target, range, theirs.collect(wanted)));
  std::vector<NamedDifference> named;
  for (const auto& [key, difference] : wanted) {
    const auto here = ours.find(key);
    const auto there = theirs.find(key);
    if (!here && !there) continue;
    NamedDifference name{
        .difference = difference, .key = there ? key_of(theirs.rows, *there) : key_of(ours.rows, *here), .columns = {}};
    const bool as_compared = here && there && row_digest(ours.rows, *here) == difference.source.row &&
                             row_digest(theirs.rows, *there) == difference.target.row;
    for (size_t column = 0; as_compared && column < range.target->columns.size(); ++column) {
      if (same_value(ours.rows, *here, theirs.rows, *there, column)) continue;
      name.columns.push_back(range.target->columns[column].name);
    }
    named.push_back(std::move(name));
  }
  return named;
}

}  // namespace sluice
