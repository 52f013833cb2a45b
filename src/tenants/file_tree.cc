// SPDX-License-Identifier: Apache-2.0
#include "tenants/file_tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/files.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

Error failed(std::string_view what, const std::string& path, int problem) {
  const ErrorCode code = problem == ENOENT ? ErrorCode::kTransient : ErrorCode::kState;
  return Error(code, fmt::format("{} {}: {}", what, path, std::strerror(problem)));
}

class File {
 public:
  File(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int operator*() const { return descriptor_; }
  bool opened() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

Result<> write_all(int file, const std::string& path, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(file, data, size);
    if (written < 0) return failed("writing", path, errno);
    data += written;
    size -= static_cast<size_t>(written);
  }
  return {};
}

Result<> copy_by_reading(int source, int target, const std::string& to) {
  std::string buffer(size_t{1} << 16, '\0');
  for (;;) {
    const ssize_t got = ::read(source, buffer.data(), buffer.size());
    if (got < 0) return failed("reading for", to, errno);
    if (got == 0) return {};
    RETURN_IF_ERROR(write_all(target, to, buffer.data(), static_cast<size_t>(got)));
  }
}

Result<> share_file(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  if (errno == EMLINK || errno == EXDEV || errno == EPERM) return copy_file(from, to);
  return failed("linking", from, errno);
}

}  // namespace

Result<> copy_file(const std::string& from, const std::string& to) {
  const File source(from, O_RDONLY);
  if (!source.opened()) return failed("opening", from, errno);
  const File target(to, O_WRONLY | O_CREAT | O_EXCL);
  if (!target.opened()) return failed("creating", to, errno);
  for (;;) {
    const ssize_t copied = ::copy_file_range(*source, nullptr, *target, nullptr, size_t{1} << 30, 0);
    if (copied == 0) return {};
    if (copied > 0) continue;
    if (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP) return copy_by_reading(*source, *target, to);
    return failed("copying to", to, errno);
  }
}

Result<> share_tree(const std::string& from, const std::string& to, const FileFilter& copied) {
  RETURN_IF_ERROR(make_folder(to));
  std::error_code problem;
  fs::recursive_directory_iterator entries(from, problem);
  if (problem) return failed("reading", from, problem.value());
  for (; entries != fs::recursive_directory_iterator(); entries.increment(problem)) {
    if (problem) return failed("reading", from, problem.value());
    const std::string path = entries->path();
    const std::string relative = path.substr(from.size() + 1);
    const std::string target = to + "/" + relative;
    if (entries->is_directory(problem)) {
      RETURN_IF_ERROR(make_folder(target));
    } else if (relative.ends_with(".sst")) {
      RETURN_IF_ERROR(share_file(path, target));
    } else if (copied(relative)) {
      RETURN_IF_ERROR(copy_file(path, target));
    }
  }
  if (problem) return failed("reading", from, problem.value());
  return {};
}

Result<> write_file(const std::string& path, std::string_view content) {
  const std::string partial = path + ".tmp";
  ::unlink(partial.c_str());
  {
    const File file(partial, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.opened()) return failed("creating", partial, errno);
    RETURN_IF_ERROR(write_all(*file, partial, content.data(), content.size()));
  }
  return rename_path(partial, path);
}

Result<std::string> read_file(const std::string& path, uint64_t offset) {
  const File file(path, O_RDONLY);
  if (!file.opened()) return failed("opening", path, errno);
  if (::lseek(*file, static_cast<off_t>(offset), SEEK_SET) < 0) return failed("reading", path, errno);
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(*file, buffer, sizeof buffer);
    if (got < 0) return failed("reading", path, errno);
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
  }
}

Result<> sync_tree(const std::string& path) {
  std::error_code problem;
  std::vector<std::string> files;
  RETURN_IF_ERROR(sync_folder(path));
  for (fs::recursive_directory_iterator entry(path, problem); entry != fs::recursive_directory_iterator();
       entry.increment(problem)) {
    if (problem) return failed("reading", path, problem.value());
    if (entry->is_directory(problem)) {
      RETURN_IF_ERROR(sync_folder(entry->path()));
    } else if (!entry->path().string().ends_with(".sst")) {
      files.push_back(entry->path());  // whoever wrote a shared file has made it durable
    }
  }
  // All at once to the disk first; then the waiting is short. A file that is gone is durable enough.
  for (const bool wait : {false, true}) {
    for (const std::string& name : files) {
      const File file(name, O_RDONLY);
      if (!file.opened()) continue;
      if (!wait) ::sync_file_range(*file, 0, 0, SYNC_FILE_RANGE_WRITE);
      if (wait && ::fsync(*file) != 0) return failed("making durable", name, errno);
    }
  }
  return {};
}

Result<> remove_tree(const std::string& path) {
  std::error_code problem;
  fs::remove_all(path, problem);
  if (problem && problem != std::errc::no_such_file_or_directory) return failed("removing", path, problem.value());
  return {};
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code problem;
  // Not a loop over the range, whose steps throw.
  for (fs::directory_iterator entry(folder, problem); !problem && entry != fs::directory_iterator();
       entry.increment(problem)) {
    names.push_back(entry->path().filename());
  }
  if (problem) return failed("reading", folder, problem.value());
  return names;
}

Result<> rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("renaming to " + to, from, errno);
  return {};
}

Result<> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("making", path, errno);
  return {};
}

}  // namespace sluice
