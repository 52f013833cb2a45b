// SPDX-License-Identifier: Apache-2.0
// A folder that lives as long as the object: made with a short unique name (Unix socket paths must fit in 107 bytes)
// in $TMPDIR or /tmp, removed with all it holds in the destructor.
#pragma once

#include <string>
#include <string_view>

namespace sluice::support {

class TempFolder {
 public:
  explicit TempFolder(const std::string& parent = {});
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Writes a file in the folder and returns its path.
  std::string write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

std::string read_file(const std::string& path);  // empty if there is none
// What costs time to make and may be kept between runs, outside the source tree:
// ${XDG_CACHE_HOME:-$HOME/.cache}/sluice.
std::string cache_folder();

}  // namespace sluice::support
