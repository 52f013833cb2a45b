// SPDX-License-Identifier: Apache-2.0
#include "config/secrets.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "config/properties.h"

namespace sluice {
namespace {

constexpr size_t kLargestSecret = 64 << 10;

struct Content {
  std::string text;
  std::string failure;  // what went wrong, or empty
};

Content read_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return {{}, fmt::format("environment variable '{}' is not set", name)};
  return {value, {}};
}

Content read_secret_file(const std::string& path, const std::string& configuration_file) {
  const std::filesystem::path full = std::filesystem::path(configuration_file).parent_path() / path;
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(full.c_str(), "re"), std::fclose);
  if (!file) return {{}, fmt::format("file '{}' cannot be opened: {}", full.string(), std::strerror(errno))};
  std::string text(kLargestSecret + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) {
    return {{}, fmt::format("file '{}' cannot be read: {}", full.string(), std::strerror(errno))};
  }
  if (text.size() > kLargestSecret) return {{}, fmt::format("file '{}' is larger than 64 KiB", full.string())};
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return {std::move(text), {}};
}

// "PATH:KEY", a key of a .properties file, as Kafka's FileConfigProvider has it; a path alone is the whole file.
Content read_file_reference(const std::string& argument, const std::string& configuration_file) {
  Content whole = read_secret_file(argument, configuration_file);
  const size_t colon = argument.rfind(':');
  if (whole.failure.empty() || colon == std::string::npos) return whole;
  const Content content = read_secret_file(argument.substr(0, colon), configuration_file);
  if (!content.failure.empty()) return content;
  Problems unused;
  const std::string key = argument.substr(colon + 1);
  for (Setting& setting : parse_properties(argument, content.text, unused).entries) {
    if (setting.key == key) return {std::move(setting.value), {}};
  }
  return {{}, fmt::format("the file has no key '{}'", key)};
}

bool is_word(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) return false;
  }
  return true;
}

// The content that "kind:argument" refers to; null if it is no reference at all.
std::optional<Content> follow(std::string_view reference, const std::string& configuration_file) {
  const size_t colon = reference.find(':');
  if (colon == std::string_view::npos || !is_word(reference.substr(0, colon))) return std::nullopt;
  const std::string_view kind = reference.substr(0, colon);
  const std::string argument(reference.substr(colon + 1));
  if (kind != "env" && kind != "file") return Content{{}, fmt::format("'{}' is no kind of reference", kind)};
  if (argument.empty()) return Content{{}, "the name is missing"};
  return kind == "env" ? read_environment(argument) : read_file_reference(argument, configuration_file);
}

}  // namespace

bool resolve_references(Setting& setting, Problems& problems) {
  const std::string_view text = setting.value;
  std::string resolved;
  bool followed = false;
  size_t at = 0;
  while (at < text.size()) {
    const size_t next = text.find("${", at);
    if (next == std::string_view::npos) break;
    const bool escaped = next > at && text[next - 1] == '$';
    const size_t close = text.find('}', next);
    if (escaped || close == std::string_view::npos) {
      resolved.append(text.substr(at, escaped ? next - 1 - at : next - at)).append("${");
      at = next + 2;
      continue;
    }
    const std::string_view reference = text.substr(next + 2, close - next - 2);
    auto content = follow(reference, setting.location.file);
    resolved.append(text.substr(at, next - at));
    at = close + 1;
    if (!content) {
      resolved.append(text.substr(next, close + 1 - next));
      continue;
    }
    if (!content->failure.empty()) {
      problems.error(setting.location, setting.key,
                     fmt::format("option '{}': reference ${{{}}} cannot be resolved: {}", setting.key, reference,
                                 content->failure),
                     "References are ${env:NAME}, ${file:PATH} and ${file:PATH:KEY}; write $${ for a literal ${.");
      return false;
    }
    resolved += content->text;
    followed = true;
  }
  resolved.append(text.substr(at));
  setting.value = std::move(resolved);
  setting.from_reference = setting.from_reference || followed;
  return true;
}

}  // namespace sluice
