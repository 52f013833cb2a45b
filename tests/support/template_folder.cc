// SPDX-License-Identifier: Apache-2.0
#include "support/template_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>

#include "support/temp_folder.h"

namespace sluice::support {

Result<std::string> template_folder(const std::string& parent, const std::string& name,
                                    const std::function<Result<>(const std::string&)>& fill) {
  std::string file_name;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.') file_name += c;
    if (c == ' ' && !file_name.empty() && file_name.back() != '-') file_name += '-';
  }
  const std::string path = parent + "/" + file_name;
  std::error_code problem;
  std::filesystem::create_directories(parent, problem);
  const int lock = open((path + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (lock < 0 || flock(lock, LOCK_EX) != 0) return Error(ErrorCode::kState, "locking " + path + " failed");
  Result<> made;
  if (!std::filesystem::exists(path, problem)) {
    std::filesystem::remove_all(path + ".partial", problem);
    std::filesystem::create_directories(path + ".partial", problem);
    made = fill(path + ".partial");
    if (made) std::filesystem::rename(path + ".partial", path, problem);
  }
  close(lock);
  RETURN_IF_ERROR(std::move(made).context("making " + path));
  return path;
}

}  // namespace sluice::support
