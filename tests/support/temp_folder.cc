// SPDX-License-Identifier: Apache-2.0
#include "support/temp_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/error.h"

namespace sluice::support {

namespace {

std::string default_parent() {
  const char* named = getenv("TMPDIR");
  return named != nullptr && *named != '\0' ? named : "/tmp";
}

}  // namespace

TempFolder::TempFolder(const std::string& parent) {
  path_ = (parent.empty() ? default_parent() : parent) + "/sluice-XXXXXX";
  SLUICE_CHECK(mkdtemp(path_.data()) != nullptr);
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::write(std::string_view name, std::string_view content) const {
  const std::string path = file(name);
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  return content.str();
}

std::string cache_folder() {
  const char* cache = getenv("XDG_CACHE_HOME");
  const char* home = getenv("HOME");
  std::string folder = cache != nullptr && *cache != '\0' ? std::string(cache)
                       : home != nullptr && *home != '\0' ? std::string(home) + "/.cache"
                                                          : fmt::format("/tmp/cache-{}", getuid());
  folder += "/sluice";
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  return folder;
}

}  // namespace sluice::support
