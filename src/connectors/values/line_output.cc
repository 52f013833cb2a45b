// SPDX-License-Identifier: Apache-2.0
#include "connectors/values/line_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice {
namespace {

Error output_error(const std::string& doing) {
  const int code = errno;
  return Error(ErrorCode::kTarget, fmt::format("{}: {}", doing, std::strerror(code)),
               code == EPIPE ? "The program that reads the output has ended; start it and the job again."
                             : "Check the path, its permissions and the free space.");
}

// Cuts what follows the last line end.
Result<> cut_torn_line(int descriptor, const std::string& doing) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return output_error(doing);
  off_t end = status.st_size;
  char block[4096];
  while (end > 0) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(sizeof block));
    const ssize_t got = ::pread(descriptor, block, static_cast<size_t>(end - begin), begin);
    if (got <= 0) return output_error(doing);
    const std::string_view text(block, static_cast<size_t>(got));
    const size_t line_end = text.rfind('\n');
    if (line_end != std::string_view::npos) {
      end = begin + static_cast<off_t>(line_end) + 1;
      break;
    }
    end = begin;
  }
  if (end < status.st_size && ::ftruncate(descriptor, end) != 0) return output_error(doing);
  return {};
}

}  // namespace

Result<std::shared_ptr<LineOutput>> LineOutput::open_file(const std::string& path) {
  const std::string doing = fmt::format("opening output file '{}'", path);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return output_error(doing);
  struct stat status{};
  const bool is_file = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  std::shared_ptr<LineOutput> output(new LineOutput(descriptor, "'" + path + "'", is_file, true));
  if (is_file) RETURN_IF_ERROR(cut_torn_line(descriptor, doing));
  return output;
}

std::shared_ptr<LineOutput> LineOutput::standard_output() { return stream(STDOUT_FILENO, "standard output", false); }

std::shared_ptr<LineOutput> LineOutput::stream(int descriptor, std::string name, bool owned) {
  return std::shared_ptr<LineOutput>(new LineOutput(descriptor, std::move(name), false, owned));
}

LineOutput::LineOutput(int descriptor, std::string name, bool is_file, bool owned)
    : descriptor_(descriptor), name_(std::move(name)), is_file_(is_file), owned_(owned) {}

LineOutput::~LineOutput() {
  if (owned_) ::close(descriptor_);
}

Result<> LineOutput::wait_until_writable(Context& context) const {
  pollfd poll_state{descriptor_, POLLOUT, 0};
  for (;;) {
    const int ready = ::poll(&poll_state, 1, 100);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return output_error("waiting for " + name_);
    if (context.stop_requested()) {
      return Error(ErrorCode::kStopped, fmt::format("stopped while {} was not read", name_));
    }
  }
}

Result<> LineOutput::write(Context& context, std::string_view text, bool durable) {
  std::lock_guard lock(mutex_);
  while (!text.empty()) {
    size_t part = text.size();
    if (!is_file_) {
      // A pipe that is ready takes this much without blocking.
      part = std::min<size_t>(part, PIPE_BUF);
      RETURN_IF_ERROR(wait_until_writable(context));
    }
    const ssize_t written = ::write(descriptor_, text.data(), part);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) return output_error("writing to " + name_);
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (durable && is_file_ && ::fsync(descriptor_) != 0) return output_error("syncing " + name_);
  return {};
}

}  // namespace sluice
