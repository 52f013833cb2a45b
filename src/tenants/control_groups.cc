// SPDX-License-Identifier: Apache-2.0
#include "tenants/control_groups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "tenants/file_tree.h"

namespace sluice {
namespace {

constexpr const char* kRoot = "/sys/fs/cgroup";
constexpr int64_t kPeriodMicroseconds = 100'000;

bool put(const std::string& file, const std::string& value) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool written = ::write(descriptor, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  ::close(descriptor);
  return written;
}

uint32_t hash_of(const std::string& text) {
  uint32_t hash = 2166136261U;
  for (const unsigned char c : text) hash = (hash ^ c) * 16777619U;
  return hash;
}

bool make(const std::string& path) { return ::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST; }

}  // namespace

ControlGroups::ControlGroups(const std::string& data_folder) {
  const std::string name = fmt::format("/sluice-{:08x}", hash_of(data_folder));
  struct stat info{};
  if (::stat(data_folder.c_str(), &info) == 0) disk_ = fmt::format("{}:{}", major(info.st_dev), minor(info.st_dev));
  const auto available = read_file(std::string(kRoot) + "/cgroup.controllers");
  unified_ = available.has_value();
  if (unified_) {
    const std::string folder = kRoot + name;
    for (const char* controller : {"cpu", "memory", "io"}) {
      put(std::string(kRoot) + "/cgroup.subtree_control", fmt::format("+{}", controller));
      if (!make(folder) || !put(folder + "/cgroup.subtree_control", fmt::format("+{}", controller))) continue;
      controllers_.push_back({controller, folder});
    }
    return;
  }
  for (const char* controller : {"cpu", "memory", "blkio"}) {
    const std::string folder = fmt::format("{}/{}{}", kRoot, controller, name);
    if (make(folder)) controllers_.push_back({controller, folder});
  }
}

std::string ControlGroups::folder_of(const Controller& controller, int64_t tenant) const {
  return fmt::format("{}/tenant-{}", controller.folder, tenant);
}

bool ControlGroups::limit(const Controller& controller, const std::string& group, const UnitRow& unit) const {
  const auto quota = static_cast<int64_t>(unit.max_cpu * kPeriodMicroseconds);
  if (controller.name == "cpu" && unified_) {
    put(group + "/cpu.weight",
        fmt::format("{}", std::clamp<int64_t>(static_cast<int64_t>(unit.min_cpu * 100), 1, 10000)));
    return put(group + "/cpu.max", fmt::format("{} {}", quota, kPeriodMicroseconds));
  }
  if (controller.name == "cpu") {
    put(group + "/cpu.shares", fmt::format("{}", std::max<int64_t>(2, static_cast<int64_t>(unit.min_cpu * 1024))));
    return put(group + "/cpu.cfs_period_us", fmt::format("{}", kPeriodMicroseconds)) &&
           put(group + "/cpu.cfs_quota_us", fmt::format("{}", quota));
  }
  if (controller.name == "memory") {
    return put(group + (unified_ ? "/memory.max" : "/memory.limit_in_bytes"), fmt::format("{}", unit.memory_size));
  }
  const bool limited = unit.max_iops != std::numeric_limits<int64_t>::max();
  if (unified_) {
    const std::string most = limited ? fmt::format("{}", unit.max_iops) : "max";
    return put(group + "/io.max", fmt::format("{} riops={} wiops={}", disk_, most, most)) && limited;
  }
  const std::string line = fmt::format("{} {}", disk_, limited ? unit.max_iops : 0);  // 0: no limit
  const bool read = put(group + "/blkio.throttle.read_iops_device", line);
  return put(group + "/blkio.throttle.write_iops_device", line) && read && limited;
}

std::string ControlGroups::apply(int64_t tenant, const UnitRow& unit) const {
  std::string in_force;
  for (const Controller& controller : controllers_) {
    const std::string group = folder_of(controller, tenant);
    if (!make(group) || !limit(controller, group, unit)) continue;
    if (!in_force.empty()) in_force += ',';
    in_force += controller.name == "io" || controller.name == "blkio" ? "iops" : controller.name;
  }
  return in_force.empty() ? "none" : in_force;
}

std::vector<std::string> ControlGroups::process_files(int64_t tenant) const {
  std::vector<std::string> files;
  for (const Controller& controller : controllers_) {
    const std::string file = folder_of(controller, tenant) + "/cgroup.procs";
    if (std::find(files.begin(), files.end(), file) == files.end()) files.push_back(file);
  }
  return files;
}

void ControlGroups::remove(int64_t tenant) const {
  for (const Controller& controller : controllers_) ::rmdir(folder_of(controller, tenant).c_str());
}

void ControlGroups::remove_all() const {
  for (const Controller& controller : controllers_) {
    const auto names = names_in(controller.folder);
    for (const std::string& name : names ? *names : std::vector<std::string>()) {
      ::rmdir((controller.folder + "/" + name).c_str());  // fails for what is no group
    }
    ::rmdir(controller.folder.c_str());
  }
}

}  // namespace sluice
