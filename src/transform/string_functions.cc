// SPDX-License-Identifier: Apache-2.0
// Functions on text, and those on text or bytes. Positions count characters from 1; in bytes, bytes.
#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "data/json_value.h"
#include "transform/functions.h"
#include "transform/utf8.h"

namespace sluice {

namespace {

constexpr size_t kMaxTextSize = 64 << 20;
constexpr const char* kTooLong = "the text would be longer than 64 MiB";
constexpr std::string_view kBlank = " ";

DataType text_type() { return plain_type(TypeKind::kString); }
DataType int_type() { return plain_type(TypeKind::kInt32); }

size_t length_of(std::string_view text, bool bytes) { return bytes ? text.size() : utf8_length(text); }
size_t offset_of(std::string_view text, bool bytes, size_t index) {
  return bytes ? std::min(index, text.size()) : utf8_offset(text, index);
}
size_t to_size(int64_t value) { return value < 0 ? 0 : static_cast<size_t>(value); }

// True if any argument is bytes: then positions count bytes and the result is bytes.
bool in_bytes(const ExpressionList& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const auto& one) { return is_binary(one->type().kind); });
}
DataType text_or_bytes(bool bytes) { return plain_type(bytes ? TypeKind::kBytes : TypeKind::kString); }

Result<ExpressionPtr> concat(const Dialect& dialect, ExpressionList arguments) {
  const size_t count = arguments.size();
  if (dialect.flink) {
    return make_lenient(text_type(), std::move(arguments), [count](Call& call) {
      call.scratch.clear();
      for (size_t i = 0; i < count; ++i) call.scratch += call.has_value(i) ? call.text(i) : std::string_view("null");
      call.out.append_bytes(call.scratch);
    });
  }
  return make_strict(text_type(), std::move(arguments), [count](Call& call) {
    call.scratch.clear();
    for (size_t i = 0; i < count; ++i) call.scratch += call.text(i);
    call.out.append_bytes(call.scratch);
  });
}

Result<ExpressionPtr> concat_ws(const Dialect&, ExpressionList arguments) {
  const size_t count = arguments.size();
  DataType type = text_type();
  type.nullable = arguments[0]->type().nullable;
  return make_lenient(type, std::move(arguments), [count](Call& call) {
    if (!call.has_value(0)) return call.out.append_null();
    call.scratch.clear();
    bool first = true;
    for (size_t i = 1; i < count; ++i) {
      if (!call.has_value(i)) continue;
      if (!first) call.scratch += call.text(0);
      call.scratch += call.text(i);
      first = false;
    }
    call.out.append_bytes(call.scratch);
  });
}

Result<ExpressionPtr> char_length(const Dialect& dialect, ExpressionList arguments) {
  return make_strict(int_type(), std::move(arguments), [utf16 = dialect.flink](Call& call) {
    call.out.append_int(static_cast<int64_t>(utf16 ? utf16_length(call.text(0)) : utf8_length(call.text(0))));
  });
}

template <void (*kMap)(std::string_view, std::string&)>
Result<ExpressionPtr> change_case(const Dialect&, ExpressionList arguments) {
  return make_strict(text_type(), std::move(arguments), [](Call& call) {
    call.scratch.clear();
    kMap(call.text(0), call.scratch);
    call.out.append_bytes(call.scratch);
  });
}

bool in_set(std::string_view character, std::string_view set) {
  while (!set.empty()) {
    if (utf8_take(set) == character) return true;
  }
  return false;
}

template <bool kLeft, bool kRight>
Result<ExpressionPtr> trim(const Dialect&, ExpressionList arguments) {
  const bool with_set = arguments.size() > 1;
  return make_strict(text_type(), std::move(arguments), [with_set](Call& call) {
    auto text = call.text(0);
    const auto set = with_set ? call.text(1) : kBlank;
    while (kLeft && !text.empty()) {
      auto rest = text;
      if (!in_set(utf8_take(rest), set)) break;
      text = rest;
    }
    size_t keep = kRight ? 0 : text.size();
    for (auto rest = text; kRight && !rest.empty();) {
      const auto character = utf8_take(rest);
      if (!in_set(character, set)) keep = text.size() - rest.size();
    }
    call.out.append_bytes(text.substr(0, keep));
  });
}

void append_substring(Call& call, bool bytes, int64_t position, int64_t count) {
  const auto text = call.text(0);
  if (count < 0) return call.fail("the length of a substring is negative");
  int64_t begin = position > 0 ? position - 1 : 0;
  if (position < 0) begin = static_cast<int64_t>(length_of(text, bytes)) + position;
  if (begin < 0) return call.out.append_bytes({});
  const auto rest = text.substr(offset_of(text, bytes, to_size(begin)));
  call.out.append_bytes(rest.substr(0, offset_of(rest, bytes, to_size(count))));
}

Result<ExpressionPtr> substring(const Dialect&, ExpressionList arguments) {
  const bool bytes = in_bytes(arguments);
  const bool with_length = arguments.size() > 2;
  return make_strict(text_or_bytes(bytes), std::move(arguments), [bytes, with_length](Call& call) {
    append_substring(call, bytes, call.integer(1), with_length ? call.integer(2) : std::numeric_limits<int64_t>::max());
  });
}

Result<ExpressionPtr> left(const Dialect&, ExpressionList arguments) {
  return make_strict(text_type(), std::move(arguments),
                     [](Call& call) { call.out.append_bytes(utf8_prefix(call.text(0), to_size(call.integer(1)))); });
}

Result<ExpressionPtr> right(const Dialect&, ExpressionList arguments) {
  return make_strict(text_type(), std::move(arguments), [](Call& call) {
    const auto text = call.text(0);
    const size_t length = utf8_length(text);
    call.out.append_bytes(text.substr(utf8_offset(text, length - std::min(length, to_size(call.integer(1))))));
  });
}

Result<ExpressionPtr> overlay(const Dialect&, ExpressionList arguments) {
  const bool bytes = in_bytes(arguments);
  const bool with_length = arguments.size() > 3;
  return make_strict(text_or_bytes(bytes), std::move(arguments), [bytes, with_length](Call& call) {
    const auto text = call.text(0);
    const auto replacement = call.text(1);
    const int64_t position = call.integer(2);
    if (position <= 0 || to_size(position) > length_of(text, bytes)) return call.out.append_bytes(text);
    const size_t count = with_length ? to_size(call.integer(3)) : length_of(replacement, bytes);
    const size_t begin = offset_of(text, bytes, to_size(position) - 1);
    const auto rest = text.substr(begin);
    call.scratch = text.substr(0, begin);
    call.scratch += replacement;
    call.scratch += rest.substr(offset_of(rest, bytes, count));
    call.out.append_bytes(call.scratch);
  });
}

// The 1-based position of `wanted` in `text` at or behind character `from`; 0 if it is not there.
int64_t find_position(std::string_view text, std::string_view wanted, int64_t from, bool bytes) {
  if (from < 1) return 0;
  const size_t start = offset_of(text, bytes, to_size(from) - 1);
  if (to_size(from) > length_of(text, bytes) + 1) return 0;
  const auto found = text.find(wanted, start);
  return found == std::string_view::npos ? 0 : static_cast<int64_t>(length_of(text.substr(0, found), bytes)) + 1;
}

template <size_t kText, size_t kWanted>
Result<ExpressionPtr> position(const Dialect&, ExpressionList arguments) {
  const bool bytes = in_bytes(arguments);
  const bool with_start = arguments.size() > 2;
  return make_strict(int_type(), std::move(arguments), [bytes, with_start](Call& call) {
    call.out.append_int(find_position(call.text(kText), call.text(kWanted), with_start ? call.integer(2) : 1, bytes));
  });
}

template <bool kAtLeft>
Result<ExpressionPtr> pad(const Dialect&, ExpressionList arguments) {
  const bool with_pad = arguments.size() > 2;
  return make_partial(text_type(), std::move(arguments), [with_pad](Call& call) {
    const auto text = call.text(0);
    const auto padding = with_pad ? call.text(2) : kBlank;
    if (call.integer(1) < 0) return call.out.append_null();
    const size_t wanted = to_size(call.integer(1));
    const size_t length = utf8_length(text);
    if (wanted <= length) return call.out.append_bytes(utf8_prefix(text, wanted));
    const size_t pad_length = utf8_length(padding);
    if (pad_length == 0) return call.out.append_null();
    const size_t missing = wanted - length;
    if (missing > kMaxTextSize / 4) return call.fail(kTooLong);
    call.scratch = kAtLeft ? std::string_view() : text;
    for (size_t i = 0; i < missing / pad_length; ++i) call.scratch += padding;
    call.scratch += utf8_prefix(padding, missing % pad_length);
    if (kAtLeft) call.scratch += text;
    call.out.append_bytes(call.scratch);
  });
}

Result<ExpressionPtr> replace(const Dialect&, ExpressionList arguments) {
  return make_strict(text_type(), std::move(arguments), [](Call& call) {
    auto text = call.text(0);
    const auto wanted = call.text(1);
    if (wanted.empty()) return call.out.append_bytes(text);
    call.scratch.clear();
    for (auto found = text.find(wanted); found != std::string_view::npos; found = text.find(wanted)) {
      call.scratch += text.substr(0, found);
      call.scratch += call.text(2);
      if (call.scratch.size() > kMaxTextSize) return call.fail(kTooLong);
      text.remove_prefix(found + wanted.size());
    }
    call.scratch += text;
    call.out.append_bytes(call.scratch);
  });
}

Result<ExpressionPtr> repeat(const Dialect&, ExpressionList arguments) {
  return make_strict(text_type(), std::move(arguments), [](Call& call) {
    const auto text = call.text(0);
    const size_t count = text.empty() ? 0 : to_size(call.integer(1));
    if (!text.empty() && count > kMaxTextSize / text.size()) return call.fail(kTooLong);
    call.scratch.clear();
    for (size_t i = 0; i < count; ++i) call.scratch += text;
    call.out.append_bytes(call.scratch);
  });
}

template <bool kAtEnd>
Result<ExpressionPtr> has_affix(const Dialect&, ExpressionList arguments) {
  return make_strict(plain_type(TypeKind::kBoolean), std::move(arguments), [](Call& call) {
    const bool found = kAtEnd ? call.text(0).ends_with(call.text(1)) : call.text(0).starts_with(call.text(1));
    call.out.append_int(found ? 1 : 0);
  });
}

Result<ExpressionPtr> to_base64(const Dialect&, ExpressionList arguments) {
  return make_strict(text_type(), std::move(arguments), [](Call& call) {
    const auto bytes = call.text(0);
    if (bytes.size() > kMaxTextSize) return call.fail(kTooLong);
    call.scratch.clear();
    append_base64(bytes, call.scratch);
    call.out.append_bytes(call.scratch);
  });
}

template <bool kText>
Result<ExpressionPtr> from_base64(const Dialect&, ExpressionList arguments) {
  return make_strict(text_or_bytes(!kText), std::move(arguments), [](Call& call) {
    if (!decode_base64(call.text(0), call.scratch)) return call.fail("the text is not Base64");
    if (kText && !utf8_valid(call.scratch)) return call.fail("the decoded bytes are not UTF-8 text");
    call.out.append_bytes(call.scratch);
  });
}

constexpr FunctionInfo kFunctions[] = {
    {"||", "xx*", concat},
    {"CONCAT", "x*", concat},
    {"CONCAT_WS", "xx*", concat_ws},
    {"CHAR_LENGTH", "s", char_length},
    {"CHARACTER_LENGTH", "s", char_length},
    {"UPPER", "s", change_case<append_upper>},
    {"LOWER", "s", change_case<append_lower>},
    {"TRIM", "s", trim<true, true>},
    {"LTRIM", "s[s", trim<true, false>},
    {"RTRIM", "s[s", trim<false, true>},
    {"BTRIM", "s[s", trim<true, true>},
    {"SUBSTR", "vi[i", substring},
    {"SUBSTRING", "vi[i", substring},
    {"LEFT", "si", left},
    {"RIGHT", "si", right},
    {"OVERLAY", "vvi[i", overlay},
    {"POSITION", "vv[i", position<1, 0>},
    {"LOCATE", "ss[i", position<1, 0>},
    {"INSTR", "ss", position<0, 1>},
    {"LPAD", "si[s", pad<true>},
    {"RPAD", "si[s", pad<false>},
    {"REPLACE", "sss", replace},
    {"REPEAT", "si", repeat},
    {"STARTSWITH", "vv", has_affix<false>},
    {"ENDSWITH", "vv", has_affix<true>},
    {"TO_BASE64", "v", to_base64},
    {"FROM_BASE64", "s", from_base64<true>},
    {"FROM_BASE64_BINARY", "s", from_base64<false>},
};

}  // namespace

std::span<const FunctionInfo> string_functions() { return kFunctions; }

}  // namespace sluice
