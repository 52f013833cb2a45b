// SPDX-License-Identifier: Apache-2.0
// Folders of database files: shared by hard links, copied, made durable, removed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

// Whether a file that is not shared is copied; by its path under the tree's root.
using FileFilter = std::function<bool(const std::string& relative)>;

// Builds `to`, which must not exist, from `from`: *.sst files as hard links (copies where a file has all the links it
// may have, or on another file system), other files as copies. A file that vanishes meanwhile is an error with code
// kTransient.
Result<> share_tree(const std::string& from, const std::string& to, const FileFilter& copied);
Result<> copy_file(const std::string& from, const std::string& to);
// Writes a file readable by its owner only, whole or not at all.
Result<> write_file(const std::string& path, std::string_view content);
Result<std::string> read_file(const std::string& path, uint64_t offset = 0);
// Makes the tree's files and folders durable.
Result<> sync_tree(const std::string& path);
// What is not there has been removed.
Result<> remove_tree(const std::string& path);
// What a folder holds, in no order.
Result<std::vector<std::string>> names_in(const std::string& folder);
Result<> rename_path(const std::string& from, const std::string& to);
Result<> make_folder(const std::string& path);

}  // namespace sluice
