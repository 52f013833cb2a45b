// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>

namespace sluice {

Result<> sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  const int problem = errno;
  if (folder >= 0) ::close(folder);
  if (synced) return {};
  return Error(ErrorCode::kState, fmt::format("making the names durable in {}: {}", path, std::strerror(problem)));
}

std::string path_part(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '/' || c == '.' || c == '%') {
      fmt::format_to(std::back_inserter(out), "%{:02x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace sluice
