// SPDX-License-Identifier: Apache-2.0
// Functions that make arrays, maps, rows and variants, and those that look into them.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/json_value.h"
#include "transform/common_type.h"
#include "transform/decimal.h"
#include "transform/functions.h"
#include "transform/json_text.h"
#include "transform/structured_values.h"

namespace sluice {

namespace {

DataType variant_type() { return structured_type(StructureForm::kVariant, {}); }

// Appends argument `i` to the value under construction; false after a failure.
bool append_argument(Call& call, size_t i, const DataType& type) {
  if (!append_part_text(*call.columns[i], type, call.row, call.scratch)) {
    call.fail("a text that is not UTF-8 cannot be part of an array, map or row");
    return false;
  }
  if (call.scratch.size() <= kMaxStructuredSize) return true;
  call.fail("the value would be longer than 64 MiB");
  return false;
}

// The row's result is a part of a structured value.
void put_part(Call& call, std::string_view json, const DataType& type) {
  if (!append_part(json, type, call.scratch, call.out)) call.fail("a part of an array, map or row cannot be read back");
}

Result<ExpressionPtr> array(const Dialect& dialect, ExpressionList arguments) {
  ASSIGN_OR_RETURN(const DataType element, unify(arguments, dialect));
  const size_t count = arguments.size();
  return make_lenient(structured_type(StructureForm::kArray, {element}), std::move(arguments),
                      [element, count](Call& call) {
                        call.scratch = "[";
                        for (size_t i = 0; i < count; ++i) {
                          if (i > 0) call.scratch += ',';
                          if (!append_argument(call, i, element)) return;
                        }
                        call.scratch += ']';
                        call.out.append_bytes(call.scratch);
                      });
}

Result<ExpressionPtr> row(const Dialect&, ExpressionList arguments) {
  std::vector<DataType> fields;
  for (const auto& argument : arguments) fields.push_back(argument->type());
  return make_lenient(structured_type(StructureForm::kRow, fields), std::move(arguments), [fields](Call& call) {
    call.scratch = "{";
    for (size_t i = 0; i < fields.size(); ++i) {
      fmt::format_to(std::back_inserter(call.scratch), "{}\"f{}\":", i > 0 ? "," : "", i);
      if (!append_argument(call, i, fields[i])) return;
    }
    call.scratch += '}';
    call.out.append_bytes(call.scratch);
  });
}

// The key of a map as the name of a JSON member, in quotes.
bool append_key(Call& call, size_t i, const DataType& type, std::string& name) {
  call.scratch.clear();
  if (!append_argument(call, i, type)) return false;
  if (call.scratch.starts_with('"')) {
    name = call.scratch;
  } else {
    name = '"' + call.scratch + '"';
  }
  return true;
}

Result<ExpressionPtr> map(const Dialect& dialect, ExpressionList arguments) {
  if (arguments.size() % 2 != 0) return type_mistake("needs a value for every key");
  ExpressionList keys;
  ExpressionList values;
  for (size_t i = 0; i < arguments.size(); ++i) (i % 2 == 0 ? keys : values).push_back(std::move(arguments[i]));
  ASSIGN_OR_RETURN(const DataType key, unify(keys, dialect));
  ASSIGN_OR_RETURN(const DataType value, unify(values, dialect));
  if (key.structure != nullptr) return type_mistake(fmt::format("{} cannot be a key", type_text(key)));
  const size_t count = keys.size();
  arguments.clear();
  for (size_t i = 0; i < count; ++i) {
    arguments.push_back(std::move(keys[i]));
    arguments.push_back(std::move(values[i]));
  }
  using Entry = std::pair<std::string, size_t>;  // key, argument of the value
  return make_lenient(
      structured_type(StructureForm::kMap, {key, value}), std::move(arguments), [key, value, count](Call& call) {
        std::vector<Entry> entries;
        for (size_t i = 0; i < count; ++i) {
          if (!call.has_value(2 * i)) return call.fail("a key of MAP is NULL");
          std::string name;
          if (!append_key(call, 2 * i, key, name)) return;
          const auto known =
              std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.first == name; });
          if (known != entries.end()) {
            known->second = 2 * i + 1;  // the last value counts, where the key came first
          } else {
            entries.emplace_back(std::move(name), 2 * i + 1);
          }
        }
        call.scratch = "{";
        for (const auto& [name, argument] : entries) {
          if (call.scratch.size() > 1) call.scratch += ',';
          call.scratch += name;
          call.scratch += ':';
          if (!append_argument(call, argument, value)) return;
        }
        call.scratch += '}';
        call.out.append_bytes(call.scratch);
      });
}

Result<> expect_array(const Expression& value) {
  if (has_form(value.type(), StructureForm::kArray)) return {};
  return type_mistake(fmt::format("takes an array, not {}", type_text(value.type())));
}

Result<ExpressionPtr> cardinality(const Dialect&, ExpressionList arguments) {
  const DataType& type = arguments[0]->type();
  if (arguments[0]->is_null_literal()) return make_null(plain_type(TypeKind::kInt32));
  if (!has_form(type, StructureForm::kArray) && !has_form(type, StructureForm::kMap)) {
    return type_mistake(fmt::format("takes an array or a map, not {}", type_text(type)));
  }
  return make_strict(plain_type(TypeKind::kInt32), std::move(arguments), [](Call& call) {
    int64_t count = 0;
    for (JsonParts parts(call.text(0)); parts.next();) ++count;
    call.out.append_int(count);
  });
}

Result<ExpressionPtr> element(const Dialect&, ExpressionList arguments) {
  if (arguments[0]->is_null_literal()) return make_null(plain_type(TypeKind::kString));
  RETURN_IF_ERROR(expect_array(*arguments[0]));
  const DataType type = arguments[0]->type().structure->parts[0];
  return make_partial(type, std::move(arguments), [type](Call& call) {
    JsonParts parts(call.text(0));
    if (!parts.next()) return call.out.append_null();
    const auto only = parts.value();
    if (parts.next()) return call.fail("the array has more than one element");
    put_part(call, only, type);
  });
}

// Finds a value among an array's elements.
class Search {
 public:
  Search(DataType element, DataType wanted)
      : element_(std::move(element)), wanted_(std::move(wanted)), decoded_(element_.kind) {}

  struct Outcome {
    int64_t position = 0;  // 1-based; 0: not there
    bool null_seen = false;
  };
  // Argument 0 is the array, 1 what is wanted, which may be NULL.
  std::optional<Outcome> run(Call& call) {
    call.scratch.clear();
    if (!append_argument(call, 1, wanted_)) return std::nullopt;
    Outcome outcome;
    int64_t position = 0;
    for (JsonParts parts(call.text(0)); parts.next();) {
      ++position;
      outcome.null_seen = outcome.null_seen || parts.value() == "null";
      if (!equal(parts.value(), call)) continue;
      outcome.position = position;
      break;
    }
    return outcome;
  }

 private:
  // Times are compared by value, since their texts have as many digits as their types.
  bool equal(std::string_view part, const Call& call) {
    if (!is_instant(element_.kind) && element_.kind != TypeKind::kTime) return json_equal(part, call.scratch);
    if (part == "null" || !call.has_value(1)) return part == call.scratch;
    decoded_.clear();
    return append_part(part, element_, text_, decoded_) && decoded_.int_at(0) == call.integer(1);
  }

  DataType element_;
  DataType wanted_;
  ColumnVector decoded_;
  std::string text_;
};

Result<Search> make_search(ExpressionList& arguments) {
  if (arguments[0]->is_null_literal()) arguments[0] = make_null(structured_type(StructureForm::kArray, {DataType{}}));
  RETURN_IF_ERROR(expect_array(*arguments[0]));
  const DataType element = arguments[0]->type().structure->parts[0];
  if (arguments[1]->is_null_literal()) arguments[1] = make_null(element);
  const DataType wanted = arguments[1]->type();
  const bool times = is_instant(element.kind) && is_instant(wanted.kind) && element.kind != wanted.kind;
  if (times || !common_type(element, wanted)) {
    return type_mistake(fmt::format("cannot look for {} in {}", type_text(wanted), type_text(arguments[0]->type())));
  }
  return Search(element, wanted);
}

// Like `wanted = ANY (array)`; Flink CDC finds NULL among the elements as if it were a value.
Result<ExpressionPtr> array_contains(const Dialect& dialect, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto search, make_search(arguments));
  DataType type = plain_type(TypeKind::kBoolean);
  type.nullable = true;
  return make_lenient(type, std::move(arguments), [search, flink = dialect.flink](Call& call) mutable {
    if (!call.has_value(0) || (!flink && !call.has_value(1))) return call.out.append_null();
    const auto outcome = search.run(call);
    if (!outcome) return;
    if (outcome->position == 0 && outcome->null_seen && !flink) return call.out.append_null();
    call.out.append_int(outcome->position > 0 ? 1 : 0);
  });
}

Result<ExpressionPtr> array_position(const Dialect&, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto search, make_search(arguments));
  return make_strict(plain_type(TypeKind::kInt32), std::move(arguments), [search](Call& call) mutable {
    if (const auto outcome = search.run(call)) call.out.append_int(outcome->position);
  });
}

// The part with this number, from 1; nothing if there is none.
std::optional<std::string_view> numbered_part(std::string_view json, int64_t number) {
  JsonParts parts(json);
  for (int64_t i = 1; parts.next(); ++i) {
    if (i == number) return parts.value();
  }
  return std::nullopt;
}

Result<ExpressionPtr> array_subscript(ExpressionList arguments) {
  const DataType array = arguments[0]->type();
  if (arguments[1]->is_null_literal()) arguments[1] = make_null(plain_type(TypeKind::kInt32));
  if (!is_integer(arguments[1]->type().kind)) {
    return type_mistake(fmt::format("the subscript of {} must be an integer, not {}", type_text(array),
                                    type_text(arguments[1]->type())));
  }
  const DataType type = array.structure->parts[0];
  return make_partial(type, std::move(arguments), [type](Call& call) {
    const auto part = numbered_part(call.text(0), call.integer(1));
    if (!part) return call.out.append_null();
    put_part(call, *part, type);
  });
}

Result<ExpressionPtr> map_subscript(const Dialect& dialect, ExpressionList arguments) {
  const DataType map = arguments[0]->type();
  const DataType key = map.structure->parts[0];
  const DataType type = map.structure->parts[1];
  if (arguments[1]->is_null_literal()) arguments[1] = make_null(key);
  const DataType given = arguments[1]->type();
  const bool numbers = is_numeric(key.kind) && is_numeric(given.kind);
  if (!numbers && !(is_text(key) && is_text(given))) {
    if (key.kind != given.kind || given.structure != nullptr) {
      return type_mistake(fmt::format("{} cannot be a key of {}", type_text(given), type_text(map)));
    }
    ASSIGN_OR_RETURN(arguments[1], make_cast(std::move(arguments[1]), key, CastMode::kCast, dialect));
  }
  const DataType wanted = arguments[1]->type();
  return make_partial(type, std::move(arguments), [type, wanted, numbers](Call& call) {
    std::string name;
    if (!append_key(call, 1, wanted, name)) return;
    const auto bare = [](std::string_view quoted) { return quoted.substr(1, quoted.size() - 2); };
    for (JsonParts parts(call.text(0)); parts.next();) {
      const bool found = parts.name() == name || (numbers && json_equal(bare(parts.name()), bare(name)));
      if (found) return put_part(call, parts.value(), type);
    }
    call.out.append_null();
  });
}

// The type of a field depends on which it is, so the subscript is a literal: its number, or its name f0, f1, ...
Result<ExpressionPtr> row_subscript(ExpressionList arguments) {
  const DataType row = arguments[0]->type();
  const auto* literal = arguments[1]->constant();
  const size_t fields = row.structure->parts.size();
  size_t number = 0;
  if (literal != nullptr && literal->has_value(0)) {
    for (size_t i = 0; i < fields; ++i) {
      const bool named = is_text(arguments[1]->type()) && literal->bytes_at(0) == fmt::format("f{}", i);
      const bool numbered = is_integer(arguments[1]->type().kind) && literal->int_at(0) == static_cast<int64_t>(i) + 1;
      if (named || numbered) number = i + 1;
    }
  }
  if (number == 0) {
    return type_mistake(fmt::format("the subscript of {} must be a number from 1 to {} or a field's name, as a literal",
                                    type_text(row), fields));
  }
  const DataType type = row.structure->parts[number - 1];
  arguments.pop_back();
  return make_partial(type, std::move(arguments), [type, number](Call& call) {
    put_part(call, *numbered_part(call.text(0), static_cast<int64_t>(number)), type);
  });
}

Result<ExpressionPtr> variant_subscript(ExpressionList arguments) {
  if (arguments[1]->is_null_literal()) arguments[1] = make_null(plain_type(TypeKind::kInt32));
  if (is_integer(arguments[1]->type().kind)) {
    return make_partial(variant_type(), std::move(arguments), [](Call& call) {
      const auto part = call.text(0).starts_with('[') ? numbered_part(call.text(0), call.integer(1)) : std::nullopt;
      if (!part) return call.out.append_null();
      call.out.append_bytes(*part);
    });
  }
  if (!is_text(arguments[1]->type())) {
    return type_mistake(
        fmt::format("the subscript of VARIANT must be an integer or text, not {}", type_text(arguments[1]->type())));
  }
  return make_partial(variant_type(), std::move(arguments), [](Call& call) {
    call.scratch.clear();
    append_json_string(call.text(1), call.scratch);
    for (JsonParts parts(call.text(0)); parts.next();) {
      if (parts.name() == call.scratch) return call.out.append_bytes(parts.value());
    }
    call.out.append_null();
  });
}

Result<ExpressionPtr> subscript(const Dialect& dialect, ExpressionList arguments) {
  const DataType& type = arguments[0]->type();
  if (arguments[0]->is_null_literal()) return make_null(plain_type(TypeKind::kString));
  if (type.structure == nullptr) {
    return type_mistake(fmt::format("{} has no parts that a subscript could take{}", type_text(type),
                                    is_text(type) ? "; of JSON text, write PARSE_JSON(text)['name']" : ""));
  }
  switch (type.structure->form) {
    case StructureForm::kArray: return array_subscript(std::move(arguments));
    case StructureForm::kMap: return map_subscript(dialect, std::move(arguments));
    case StructureForm::kRow: return row_subscript(std::move(arguments));
    case StructureForm::kVariant: break;
  }
  return variant_subscript(std::move(arguments));
}

template <bool kTry>
Result<ExpressionPtr> parse_json(const Dialect&, ExpressionList arguments) {
  const bool with_choice = arguments.size() > 1;
  const auto function = [with_choice](Call& call) {
    call.scratch.clear();
    switch (append_compact_json(call.text(0), with_choice && call.boolean(1), call.scratch)) {
      case JsonStatus::kOk: return call.out.append_bytes(call.scratch);
      case JsonStatus::kInvalid:
        if (kTry) return call.out.append_null();
        return call.fail("the text is not valid JSON");
      case JsonStatus::kDuplicateName:
        if (kTry) return call.out.append_null();
        return call.fail("a JSON object has two members of one name");
    }
  };
  if constexpr (kTry) return make_partial(variant_type(), std::move(arguments), function);
  return make_strict(variant_type(), std::move(arguments), function);
}

constexpr FunctionInfo kFunctions[] = {
    {"ARRAY", "?*", array},
    {"MAP", "??*", map},
    {"ROW", "?*", row},
    {"CARDINALITY", "?", cardinality},
    {"ELEMENT", "?", element},
    {"ARRAY_CONTAINS", "??", array_contains},
    {"ARRAY_POSITION", "??", array_position},
    {kSubscript, "??", subscript},
    {"PARSE_JSON", "x[b", parse_json<false>},
    {"TRY_PARSE_JSON", "x[b", parse_json<true>},
};

}  // namespace

std::span<const FunctionInfo> struct_functions() { return kFunctions; }

}  // namespace sluice
