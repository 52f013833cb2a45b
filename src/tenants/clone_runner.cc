// SPDX-License-Identifier: Apache-2.0
#include "tenants/clone_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "tenants/binlog_cut.h"
#include "tenants/file_tree.h"
#include "tenants/log_replay.h"
#include "tenants/snapshot_capture.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

constexpr std::chrono::seconds kLockPatience{10};
constexpr std::chrono::milliseconds kRemovalPause{1000};
constexpr std::string_view kCanceling = "CLONE_SYS_CANCELING";
// What a new server writes at once, and a twentieth of the disk, but not more than is sensible on a large one.
constexpr uintmax_t kLeastRoom = uintmax_t{64} << 20, kMostReserve = uintmax_t{1} << 30;

// 12005 if a clone or a snapshot could fill the disk, on which its source is as well.
Result<> need_room(const std::string& folder) {
  std::error_code problem;
  const auto space = std::filesystem::space(folder, problem);
  if (problem) return Error(ErrorCode::kState, fmt::format("looking at the disk of {}: {}", folder, problem.message()));
  const uintmax_t needed = kLeastRoom + std::min(space.capacity / 20, kMostReserve);
  if (space.available >= needed) return {};
  return sql_error(kSnapshotFailed,
                   "the disk of {} has {} MB left, and a clone or snapshot is made only where there are {} MB: its "
                   "source must not run out of room",
                   folder, space.available >> 20, needed >> 20);
}

Result<> write_position(const std::string& folder, const SnapshotRow& snapshot) {
  const nlohmann::json position = {{"version", 1},
                                   {"source_tenant", snapshot.tenant_id},
                                   {"snapshot_id", snapshot.id},
                                   {"gtid", snapshot.gtid},
                                   {"scn_ns", snapshot.scn},
                                   {"method", "LOCKFREE"}};
  return write_file(folder + "/POSITION.json", position.dump() + "\n");
}

// Keeps what was captured under `<folder>.part` as `folder`. May be repeated.
Result<> keep_snapshot(const std::string& folder, const SnapshotRow& snapshot) {
  std::error_code problem;
  if (std::filesystem::exists(folder, problem)) return {};
  RETURN_IF_ERROR(write_position(folder + ".part", snapshot));
  RETURN_IF_ERROR(sync_tree(folder + ".part"));
  RETURN_IF_ERROR(rename_path(folder + ".part", folder));
  return sync_folder(folder.substr(0, folder.rfind('/')));
}

// Copies of tables that a statement was making on the source when the snapshot was taken.
Result<> drop_unfinished_tables(Context& context, const Instance& instance, MysqlConnection& connection) {
  RETURN_IF_ERROR(connection.execute(context, "SET SESSION sql_log_bin = 0"));
  ASSIGN_OR_RETURN(const auto databases, names_in(instance.data()));
  for (const std::string& database : databases) {
    const auto files = names_in(instance.data() + "/" + database);
    if (!files) continue;  // no folder
    for (const std::string& file : *files) {
      if (!file.starts_with("#sql") || !file.ends_with(".frm")) continue;
      // As in the folder, not as in statements; a name that is the same in both must be written without the mark.
      constexpr std::string_view kAsInFolder = "#mysql50#";
      const bool encoded = database.find('@') != std::string::npos;
      RETURN_IF_ERROR(connection.execute(
          context,
          fmt::format(
              "DROP TABLE IF EXISTS {}.{}",
              MysqlConnection::quote_identifier(fmt::format("{}{}", encoded ? kAsInFolder : "", database)),
              MysqlConnection::quote_identifier(fmt::format("{}{}", kAsInFolder, file.substr(0, file.size() - 4))))));
    }
  }
  return {};
}

}  // namespace

Result<> check_restored(Context& context, const Instance& instance, const std::string& gtid) {
  ASSIGN_OR_RETURN(const auto connection, instance.connect(context));
  ASSIGN_OR_RETURN(const auto found, connection->query_value(context, "SELECT @@GLOBAL.gtid_binlog_pos"));
  if (GtidState::parse(found.value_or("")) != GtidState::parse(gtid)) {
    return Error(ErrorCode::kInternal,
                 fmt::format("the clone recovered to {}, not to the snapshot's {}", found.value_or("nothing"), gtid));
  }
  return drop_unfinished_tables(context, instance, *connection);
}

Result<> write_clone_option_file(const TenantHost& host, int64_t source, int64_t clone, int64_t port) {
  ASSIGN_OR_RETURN(std::string text, read_file(host.option_file(source)));
  const size_t at = text.find("\nport=");
  if (at != std::string::npos) text.replace(at + 6, text.find('\n', at + 1) - at - 6, fmt::format("{}", port));
  return write_file(host.option_file(clone), text);
}

Result<> mask_clone(Context& context, TenantHost& host, int64_t tenant, const std::string& sql) {
  const Instance instance = host.instance(tenant);
  {
    ASSIGN_OR_RETURN(const auto connection, instance.connect(context));
    const auto run = [&](const std::string& statement) { return connection->execute(context, statement); };
    // Neither as they are nor as they were may the rows be in a log that users
    // read.
    RETURN_IF_ERROR(run("SET SESSION sql_log_bin = 0"));
    if (const auto masked = run("BEGIN NOT ATOMIC\n" + sql + "\n;\nEND"); !masked) {
      return sql_error(kCloneFailed, "the mask cannot be applied: {}", masked.error().message());
    }
    RETURN_IF_ERROR(run("FLUSH NO_WRITE_TO_BINLOG BINARY LOGS"));
    ASSIGN_OR_RETURN(const MysqlRows last, connection->query(context, "SHOW MASTER STATUS"));
    if (!last.empty()) RETURN_IF_ERROR(run(fmt::format("PURGE BINARY LOGS TO '{}'", last[0][0].value_or(""))));
  }
  host.kill(tenant);
  return {};
}

Result<> leave_source(Context& context, const Instance& instance) {
  ASSIGN_OR_RETURN(const auto connection, instance.connect(context));
  RETURN_IF_ERROR(connection->execute(context, "STOP SLAVE"));
  RETURN_IF_ERROR(connection->execute(context, "RESET SLAVE ALL"));
  ASSIGN_OR_RETURN(const MysqlRows prepared, connection->query(context, "XA RECOVER FORMAT='SQL'"));
  for (const auto& row : prepared) {
    RETURN_IF_ERROR(connection->execute(context, "XA ROLLBACK " + row.back().value_or("")));
  }
  return {};
}

// One job on its thread.
class CloneRunner::Job {
 public:
  Job(CloneRunner& runner, Running& running, int64_t id) : runner_(runner), running_(running), id_(id) {}

  // Until the job has ended or the server stops.
  void run() {
    for (;;) {
      const Result<> loaded = load();
      if (!loaded || job_.finished) return report(loaded);
      Result<> done =
          job_.canceling || job_.status.ends_with("_FAIL") || job_.status == kCanceling ? recycle() : step();
      if (!done && runner_.context_.stop_requested()) return end_clone_process();
      if (!done && !is_whole()) done = fail(done.error());
      // Nor did the last steps or the removal work, or it could not be noted: the disk may be full. Nobody waits for
      // that but the job.
      if (!done) report(done);
      if (!done && !runner_.context_.wait_for(kRemovalPause)) return;
    }
  }

 private:
  struct Step {
    std::string_view status;
    Result<> (Job::*work)();
    std::string_view next;
  };
  static const std::array<Step, 8> kSteps;

  template <typename Work>
  auto transact(Work&& work) {
    return runner_.catalog_.transact(std::forward<Work>(work));
  }
  Result<> load() {
    ASSIGN_OR_RETURN(const auto row, transact([&](CatalogTransaction& t) { return t.clone_job(id_); }));
    if (!row) return Error(ErrorCode::kInternal, fmt::format("clone job {} has no row", id_));
    job_ = *row;
    return {};
  }
  bool fork() const { return job_.type == "FORK"; }
  // The clone is as it should be and may be in use: what is left is repeated until it works.
  bool is_whole() const { return job_.status == "CLONE_SYS_RELEASE_RESOURCE" || job_.status == "CLONE_SYS_SUCCESS"; }
  Instance clone() const { return runner_.host_.instance(job_.tenant_id); }
  Context& context() { return running_.context; }
  static void report(const Result<>& result) {
    if (!result) log_error("clone job: {}", result.error().describe());
  }

  Result<> step() {
    for (const Step& step : kSteps) {
      if (step.status == job_.status) return (this->*step.work)();
    }
    return Error(ErrorCode::kInternal, fmt::format("clone job {} has the status '{}'", id_, job_.status));
  }

  // To the next state, if nobody has canceled the job; `also` is part of the transaction.
  Result<> advance(const std::function<Result<>(CatalogTransaction&)>& also = {}) {
    const auto* now = std::ranges::find(kSteps, job_.status, &Step::status);
    const int64_t ms = (monotonic_now() - step_began_) / std::chrono::milliseconds(1);
    step_began_ = monotonic_now();
    return transact([&](CatalogTransaction& t) -> Result<> {
      RETURN_IF_ERROR(
          t.run("UPDATE clone_job SET status = ?2, step_started = ?3, step_ms = json_set(step_ms, '$.' || "
                "substr(status, 11), ?4) WHERE id = ?1 AND status = ?5 AND canceling = 0",
                {id_, std::string(now->next), timestamp_text(wall_clock_ms()), ms, job_.status}));
      if (t.changes() != 1) return Error(ErrorCode::kStopped, "canceled");
      return also ? also(t) : Result<>();
    });
  }

  Result<> lock() {
    if (fork()) {
      RETURN_IF_ERROR(runner_.take_lock(context(), job_.source_id, id_));
    }
    fault_point("clone_locked");
    return advance([&](CatalogTransaction& t) -> Result<> {
      if (fork()) return {};
      RETURN_IF_ERROR(
          t.run("UPDATE tenant_snapshot SET status = 'CLONING', clone_ref = clone_ref + 1 WHERE id = ?1 AND "
                "status IN ('NORMAL', 'CLONING')",
                {job_.snapshot_id}));
      if (t.changes() != 1) return sql_error(kNotAllowed, "tenant snapshot is gone, clone tenant not allowed");
      return t.run(
          "UPDATE clone_job SET restore_scn = CAST(s.scn AS TEXT), gtid = s.gtid FROM tenant_snapshot s WHERE "
          "clone_job.id = ?1 AND s.id = snapshot_id",
          {id_});
    });
  }

  Result<> create_pool() {
    fault_point("clone_pool");
    return advance([&](CatalogTransaction& t) -> Result<> {
      ASSIGN_OR_RETURN(const auto unit, t.find_unit(job_.unit_name));
      if (!unit) return sql_error(kUnitNotExist, "resource unit '{}' not exist", job_.unit_name);
      RETURN_IF_ERROR(admit_unit(t, *unit));
      ASSIGN_OR_RETURN(const int64_t pool, t.next_id("resource_pool", 1));
      ASSIGN_OR_RETURN(const int64_t port, TenantHost::free_port(t));
      const std::string now = timestamp_text(wall_clock_ms());
      RETURN_IF_ERROR(t.run("INSERT INTO resource_pool VALUES (?1, ?2, ?3, NULL, ?4, ?5, ?5)",
                            {pool, job_.pool_name, unit->id, id_, now}));
      RETURN_IF_ERROR(t.run("UPDATE clone_job SET pool_id = ?2, port = ?3 WHERE id = ?1", {id_, pool, port}));
      if (fork()) return {};
      // The snapshot is there: the states that make one are passed over.
      return t.run("UPDATE clone_job SET status = 'CLONE_SYS_CREATE_TENANT' WHERE id = ?1", {id_});
    });
  }

  Result<> create_snapshot() {
    if (job_.snapshot_id == 0) {
      Result<> named = transact([&](CatalogTransaction& t) -> Result<> {
        ASSIGN_OR_RETURN(const int64_t snapshot, t.next_id("snapshot", 1));
        const std::string name = fmt::format("_inner_snapshot${}_{}", wall_clock_ms(), snapshot);
        RETURN_IF_ERROR(
            t.run("INSERT INTO tenant_snapshot (id, name, tenant_id, tenant_name, status, type, owner_job_id, "
                  "created) VALUES (?1, ?2, ?3, ?4, 'CREATING', 'AUTO', ?5, ?6)",
                  {snapshot, name, job_.source_id, job_.source_name, id_, timestamp_text(wall_clock_ms())}));
        return t.run("UPDATE clone_job SET snapshot_id = ?2, snapshot_name = ?3 WHERE id = ?1", {id_, snapshot, name});
      });
      RETURN_IF_ERROR(std::move(named));
      RETURN_IF_ERROR(load());
    }
    fault_point("clone_snapshot_named");
    const std::string folder = runner_.host_.snapshot_folder(job_.snapshot_id) + ".part";
    ASSIGN_OR_RETURN(const CapturedPosition position,
                     capture_snapshot(context(), runner_.host_.instance(job_.source_id), folder,
                                      [&] { return running_.canceling.load(); }));
    fault_point("clone_captured");
    return advance([&](CatalogTransaction& t) -> Result<> {
      const int64_t scn = position.wall_clock_ms * 1'000'000;
      RETURN_IF_ERROR(t.run("UPDATE tenant_snapshot SET status = 'DECIDED', gtid = ?2, scn = ?3 WHERE id = ?1",
                            {job_.snapshot_id, position.gtid, scn}));
      return t.run("UPDATE clone_job SET gtid = ?2, restore_scn = ?3, retries = ?4 WHERE id = ?1",
                   {id_, position.gtid, fmt::format("{}", scn), int64_t{position.retries}});
    });
  }

  Result<> wait_snapshot() {
    fault_point("clone_decided");
    const SnapshotRow snapshot{.id = job_.snapshot_id, .tenant_id = job_.source_id, .gtid = job_.gtid};
    RETURN_IF_ERROR(keep_snapshot(runner_.host_.snapshot_folder(job_.snapshot_id), snapshot));
    fault_point("clone_snapshot_kept");
    Result<> kept = advance([&](CatalogTransaction& t) -> Result<> {
      RETURN_IF_ERROR(t.run("DELETE FROM snapshot_lock WHERE owner_job_id = ?1", {id_}));
      return t.run("UPDATE tenant_snapshot SET status = 'CLONING', clone_ref = 1 WHERE id = ?1", {job_.snapshot_id});
    });
    runner_.changed_.notify_all();  // whoever waits for the lock
    return kept;
  }

  Result<> create_tenant() {
    if (job_.tenant_id == 0) {
      Result<> named = transact([&](CatalogTransaction& t) -> Result<> {
        ASSIGN_OR_RETURN(const int64_t tenant, t.next_id("tenant", 1001));
        RETURN_IF_ERROR(
            t.run("INSERT INTO tenant (id, name, status, role, log_mode, port, charset, collation, parent_id, "
                  "gtid, created, modified) SELECT ?1, ?2, 'RESTORE', 'CLONE', 'NOARCHIVELOG', ?3, charset, "
                  "collation, id, ?4, ?5, ?5 FROM tenant WHERE id = ?6",
                  {tenant, job_.clone_name, job_.port, job_.gtid, timestamp_text(wall_clock_ms()), job_.source_id}));
        if (t.changes() != 1) return sql_error(kTenantNotExist, "the source tenant is gone");
        RETURN_IF_ERROR(t.run("UPDATE resource_pool SET tenant_id = ?2 WHERE id = ?1", {job_.pool_id, tenant}));
        RETURN_IF_ERROR(t.run("INSERT INTO tenant_term VALUES (?1, 0, ?2, ?3, ?4)",
                              {tenant, int64_t{job_.is_protected}, job_.mask, job_.mask_sql}));
        return t.run("UPDATE clone_job SET tenant_id = ?2 WHERE id = ?1", {id_, tenant});
      });
      RETURN_IF_ERROR(std::move(named));
      RETURN_IF_ERROR(load());
    }
    fault_point("clone_tenant_named");
    RETURN_IF_ERROR(build());
    built_ = true;
    fault_point("clone_built");
    return advance();
  }

  Result<> build() {
    runner_.host_.kill(job_.tenant_id);
    RETURN_IF_ERROR(runner_.host_.build(job_.tenant_id, runner_.host_.snapshot_folder(job_.snapshot_id) + "/data"));
    return write_clone_option_file(runner_.host_, job_.source_id, job_.tenant_id, job_.port);
  }

  Result<> wait_restored() {
    // An earlier attempt may have left it half way: begin again. Nobody could write to it.
    if (!std::exchange(built_, false)) RETURN_IF_ERROR(build());
    const bool masked = !job_.mask_sql.empty();
    Result<> durable;
    std::thread sync([&] {
      durable = sync_tree(runner_.host_.tenant_folder(job_.tenant_id));
      if (durable) durable = sync_folder(runner_.host_.folder() + "/tenants");
    });
    Result<> started = runner_.host_.start(context(), job_.tenant_id, !masked);
    sync.join();
    RETURN_IF_ERROR(std::move(started));
    RETURN_IF_ERROR(std::move(durable));
    fault_point("clone_started");
    RETURN_IF_ERROR(check_restored(context(), clone(), job_.gtid));
    if (job_.replay_round != 0) RETURN_IF_ERROR(replay());
    if (job_.primary) RETURN_IF_ERROR(leave_source(context(), clone()));
    if (masked) {
      RETURN_IF_ERROR(mask_clone(context(), runner_.host_, job_.tenant_id, job_.mask_sql));
      RETURN_IF_ERROR(runner_.host_.start(context(), job_.tenant_id));
    }
    fault_point("clone_masked");
    return advance([&](CatalogTransaction& t) -> Result<> {
      if (job_.replay_round == 0) return {};
      RETURN_IF_ERROR(t.run("UPDATE clone_job SET gtid = ?2, restore_scn = ?3 WHERE id = ?1",
                            {id_, job_.replay_gtid, fmt::format("{}", job_.replay_scn)}));
      return t.run("UPDATE tenant SET gtid = ?2 WHERE id = ?1", {job_.tenant_id, job_.replay_gtid});
    });
  }

  Result<> replay() {
    ASSIGN_OR_RETURN(const ArchivedLog log,
                     runner_.archive_.log_between(job_.source_id, job_.replay_round, GtidState::parse(job_.gtid),
                                                  GtidState::parse(job_.replay_gtid)));
    return replay_log(context(), clone(), log, job_.replay_gtid);
  }

  Result<> release() {
    fault_point("clone_restored");
    RETURN_IF_ERROR(drop_own_snapshot());
    fault_point("clone_released");
    return advance([&](CatalogTransaction& t) { return give_back_snapshot(t); });
  }

  Result<> drop_own_snapshot() {
    if (!fork() || job_.snapshot_id == 0) return {};
    Result<> marked = transact([&](CatalogTransaction& t) {
      return t.run("UPDATE tenant_snapshot SET status = 'DELETING' WHERE id = ?1", {job_.snapshot_id});
    });
    RETURN_IF_ERROR(std::move(marked));
    // What cannot be removed now goes when the server starts again; it holds up nobody.
    const std::string folder = runner_.host_.snapshot_folder(job_.snapshot_id);
    for (const char* ending : {".part", ""}) report(remove_tree(folder + ending));
    return {};
  }

  Result<> give_back_snapshot(CatalogTransaction& t) {
    RETURN_IF_ERROR(t.run("DELETE FROM snapshot_lock WHERE owner_job_id = ?1", {id_}));
    if (fork()) return t.run("DELETE FROM tenant_snapshot WHERE id = ?1", {job_.snapshot_id});
    // What the state CLONE_SYS_LOCK took, if the job came that far.
    return t.run(fmt::format("{} AND (SELECT restore_scn <> '18446744073709551615' FROM clone_job WHERE id = ?2)",
                             kGiveBackSnapshot),
                 {job_.snapshot_id, id_});
  }

  // Only now is it opened: what is written from then on stays. One that does not come up again does not hold the job
  // up, with which it could not be dropped: it ends first, then the host starts the tenant, open, until it comes up.
  Result<> succeed() {
    Result<> opened = runner_.host_.start(context(), job_.tenant_id);
    if (opened && job_.primary) opened = clone().open_for_writing(context());
    if (!opened && runner_.context_.stop_requested()) return opened;
    if (!opened) {
      report(opened);
      runner_.host_.kill(job_.tenant_id);
      RETURN_IF_ERROR(note_success());
      return runner_.host_.keep(job_.tenant_id);
    }
    RETURN_IF_ERROR(runner_.host_.keep(job_.tenant_id));
    fault_point("clone_kept");
    return note_success();
  }

  Result<> note_success() {
    const std::string now = timestamp_text(wall_clock_ms());
    return transact([&](CatalogTransaction& t) -> Result<> {
      RETURN_IF_ERROR(
          t.run("UPDATE tenant SET status = 'NORMAL', role = ?2, modified = ?3 "
                "WHERE id = ?1",
                {job_.tenant_id, std::string(job_.primary ? "PRIMARY" : "STANDBY"), now}));
      if (job_.ttl_ms != 0) {
        RETURN_IF_ERROR(t.run("UPDATE tenant_term SET expires_ms = ?2 WHERE tenant_id = ?1",
                              {job_.tenant_id, wall_clock_ms() + job_.ttl_ms}));
      }
      RETURN_IF_ERROR(t.run("UPDATE resource_pool SET job_id = -1 WHERE id = ?1", {job_.pool_id}));
      RETURN_IF_ERROR(t.event("clone_finished", job_.tenant_id, id_, job_.gtid));
      return t.run("UPDATE clone_job SET finished = ?2, ret_code = 0 WHERE id = ?1", {id_, now});
    });
  }

  // Notes why the job cannot go on; what it made is removed next.
  Result<> fail(const Error& error) {
    const bool canceled = running_.canceling.load();
    const std::string reason =
        canceled ? fmt::format("clone job has been canceled in {} status by user command", job_.status)
                 : sql_error_message(error);
    const std::string status = canceled ? std::string(kCanceling) : job_.status + "_FAIL";
    const int64_t code = canceled ? -kCanceled : sql_error_code(error);
    if (job_.status.ends_with("_FAIL") || job_.status == kCanceling) return error;  // even the removal failed
    if (!canceled) log_warn("clone job {} failed in {}: {}", id_, job_.status, reason);
    return transact([&](CatalogTransaction& t) {
      return t.run("UPDATE clone_job SET status = ?2, ret_code = ?3, message = ?4 WHERE id = ?1 AND finished IS NULL",
                   {id_, status, code, reason.substr(0, 512)});
    });
  }

  Result<> recycle() {
    // Asked for by a command, in any state: noted first, for the message names the state.
    if (!job_.status.ends_with("_FAIL") && job_.status != kCanceling) {
      running_.canceling = true;
      return fail(Error(ErrorCode::kStopped, "canceled"));
    }
    fault_point("clone_recycling");
    if (job_.tenant_id != 0) RETURN_IF_ERROR(runner_.host_.remove(job_.tenant_id));
    RETURN_IF_ERROR(drop_own_snapshot());
    fault_point("clone_recycled");
    const std::string last = job_.status == kCanceling ? "CLONE_SYS_CANCELED" : job_.status;
    return transact([&](CatalogTransaction& t) -> Result<> {
      RETURN_IF_ERROR(give_back_snapshot(t));
      RETURN_IF_ERROR(t.run("DELETE FROM tenant WHERE id = ?1 AND status = 'RESTORE'", {job_.tenant_id}));
      RETURN_IF_ERROR(t.run("DELETE FROM tenant_term WHERE tenant_id = ?1", {job_.tenant_id}));
      RETURN_IF_ERROR(t.run("DELETE FROM resource_pool WHERE job_id = ?1", {id_}));
      RETURN_IF_ERROR(
          t.event(job_.status == kCanceling ? "clone_canceled" : "clone_failed", job_.source_id, id_, job_.message));
      return t.run("UPDATE clone_job SET status = ?2, finished = ?3 WHERE id = ?1",
                   {id_, last, timestamp_text(wall_clock_ms())});
    });
  }

  // The server stops in an orderly way and takes the job up at its next start.
  void end_clone_process() {
    if (job_.tenant_id == 0) return;
    runner_.host_.let_go(job_.tenant_id);
    runner_.host_.kill(job_.tenant_id);
  }

  CloneRunner& runner_;
  Running& running_;
  const int64_t id_;
  CloneJobRow job_;
  bool built_ = false;  // its files are there as the snapshot has them, no server ran on them
  MonotonicTime step_began_ = monotonic_now();
};

const std::array<CloneRunner::Job::Step, 8> CloneRunner::Job::kSteps = {{
    {"CLONE_SYS_LOCK", &Job::lock, "CLONE_SYS_CREATE_INNER_RESOURCE_POOL"},
    {"CLONE_SYS_CREATE_INNER_RESOURCE_POOL", &Job::create_pool, "CLONE_SYS_CREATE_SNAPSHOT"},
    {"CLONE_SYS_CREATE_SNAPSHOT", &Job::create_snapshot, "CLONE_SYS_WAIT_CREATE_SNAPSHOT"},
    {"CLONE_SYS_WAIT_CREATE_SNAPSHOT", &Job::wait_snapshot, "CLONE_SYS_CREATE_TENANT"},
    {"CLONE_SYS_CREATE_TENANT", &Job::create_tenant, "CLONE_SYS_WAIT_TENANT_RESTORE_FINISH"},
    {"CLONE_SYS_WAIT_TENANT_RESTORE_FINISH", &Job::wait_restored, "CLONE_SYS_RELEASE_RESOURCE"},
    {"CLONE_SYS_RELEASE_RESOURCE", &Job::release, "CLONE_SYS_SUCCESS"},
    {"CLONE_SYS_SUCCESS", &Job::succeed, ""},
}};

CloneRunner::CloneRunner(Context& context, Catalog& catalog, TenantHost& host, LogArchive& archive)
    : context_(context), catalog_(catalog), host_(host), archive_(archive) {}

CloneRunner::~CloneRunner() { stop(); }

void CloneRunner::stop() {
  std::map<int64_t, std::unique_ptr<Running>> running;
  {
    const std::lock_guard lock(mutex_);
    running.swap(running_);
  }
  changed_.notify_all();
  for (auto& [id, one] : running) one->thread.join();
}

void CloneRunner::launch(int64_t job) {
  const std::lock_guard lock(mutex_);
  std::erase_if(running_, [](auto& entry) {
    if (!entry.second->ended) return false;
    entry.second->thread.join();
    return true;
  });
  auto& running = running_[job];
  running = std::make_unique<Running>(&context_);
  running->thread = std::thread([this, &running = *running, job] {
    Job(*this, running, job).run();
    const std::lock_guard ended(mutex_);
    running.ended = true;
    changed_.notify_all();
  });
}

Result<int64_t> CloneRunner::begin(const CloneTenant& clone) {
  RETURN_IF_ERROR(need_room(host_.folder()));
  ASSIGN_OR_RETURN(const int64_t job,
                   catalog_.transact([&](CatalogTransaction& t) { return store_clone_job(t, clone); }));
  launch(job);
  return job;
}

Result<CloneJobRow> CloneRunner::wait(int64_t job) {
  {
    std::unique_lock lock(mutex_);
    // A stop of the server is seen within this time.
    while (!context_.stop_requested() && running_.contains(job) && !running_[job]->ended) {
      changed_.wait_for(lock, std::chrono::milliseconds(50));
    }
  }
  ASSIGN_OR_RETURN(const auto row, catalog_.transact([&](CatalogTransaction& t) { return t.clone_job(job); }));
  if (!row || !row->finished) {
    return sql_error(kCloneFailed,
                     "the server stops; clone job {} goes on at its next start: see DBA_OB_CLONE_PROGRESS", job);
  }
  return *row;
}

Result<int64_t> CloneRunner::cancel(const std::string& clone_name) {
  ASSIGN_OR_RETURN(const auto job, catalog_.transact([&](CatalogTransaction& t) -> Result<std::optional<int64_t>> {
    RETURN_IF_ERROR(
        t.run("UPDATE clone_job SET canceling = 1 WHERE finished IS NULL AND clone_name = ?1 AND status NOT IN "
              "('CLONE_SYS_RELEASE_RESOURCE', 'CLONE_SYS_SUCCESS')",
              {clone_name}));
    if (t.changes() == 0) return std::optional<int64_t>();
    return t.number("SELECT id FROM clone_job WHERE finished IS NULL AND clone_name = ?1", {clone_name});
  }));
  if (!job) return sql_error(kNotAllowed, "clone job does not exist or has finished, cancel clone not allowed");
  const std::lock_guard lock(mutex_);
  if (const auto running = running_.find(*job); running != running_.end()) {
    running->second->canceling = true;
    running->second->context.request_stop();
  }
  changed_.notify_all();
  return *job;
}

Result<> CloneRunner::resume() {
  ASSIGN_OR_RETURN(const auto jobs, catalog_.transact([](CatalogTransaction& t) { return t.unfinished_clone_jobs(); }));
  for (const CloneJobRow& job : jobs) launch(job.id);
  return {};
}

Result<> CloneRunner::take_lock(Context& context, int64_t source, int64_t owner) {
  const auto deadline = monotonic_now() + kLockPatience;
  for (;;) {
    ASSIGN_OR_RETURN(const auto holder, catalog_.transact([&](CatalogTransaction& t) -> Result<std::optional<int64_t>> {
      RETURN_IF_ERROR(t.run("INSERT OR IGNORE INTO snapshot_lock VALUES (?1, ?2)", {source, owner}));
      return t.number("SELECT owner_job_id FROM snapshot_lock WHERE tenant_id = ?1", {source});
    }));
    if (holder == owner) return {};
    if (context.stop_requested()) return Error(ErrorCode::kStopped, "stopped by request");
    if (monotonic_now() > deadline) {
      return sql_error(kNotAllowed, "source tenant has a running clone job, clone tenant now not allowed");
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
}

Result<SnapshotRow> CloneRunner::create_snapshot(const TenantRow& source, const std::string& name,
                                                 const std::string& type) {
  RETURN_IF_ERROR(need_room(host_.folder()));
  SnapshotRow snapshot{.name = name, .tenant_id = source.id};
  Result<> stored = catalog_.transact([&](CatalogTransaction& t) -> Result<> {
    RETURN_IF_ERROR(refuse_unmasked(t, source, "create tenant snapshot"));
    ASSIGN_OR_RETURN(const auto same, t.find_snapshot(source.id, name));
    if (same) return sql_error(kSnapshotExists, "snapshot '{}' exist", name);
    ASSIGN_OR_RETURN(snapshot.id, t.next_id("snapshot", 1));
    return t.run(
        "INSERT INTO tenant_snapshot (id, name, tenant_id, tenant_name, status, created, type) VALUES (?1, ?2, ?3, ?4, "
        "'CREATING', ?5, ?6)",
        {snapshot.id, name, source.id, source.name, timestamp_text(wall_clock_ms()), type});
  });
  RETURN_IF_ERROR(std::move(stored));
  const std::string folder = host_.snapshot_folder(snapshot.id);
  // The negative number of a snapshot cannot be that of a job.
  Result<> made = take_lock(context_, source.id, -snapshot.id);
  if (made) {
    made = [&]() -> Result<> {
      ASSIGN_OR_RETURN(const CapturedPosition position,
                       capture_snapshot(context_, host_.instance(source.id), folder + ".part", [] { return false; }));
      fault_point("snapshot_captured");
      snapshot.gtid = position.gtid;
      snapshot.scn = position.wall_clock_ms * 1'000'000;
      return keep_snapshot(folder, snapshot);
    }();
  }
  if (!made) {
    for (const char* ending : {".part", ""}) static_cast<void>(remove_tree(folder + ending).has_value());
  }
  stored = catalog_.transact([&](CatalogTransaction& t) -> Result<> {
    RETURN_IF_ERROR(t.run("DELETE FROM snapshot_lock WHERE owner_job_id = ?1", {-snapshot.id}));
    if (!made) return t.run("DELETE FROM tenant_snapshot WHERE id = ?1", {snapshot.id});
    return t.run("UPDATE tenant_snapshot SET status = 'NORMAL', gtid = ?2, scn = ?3 WHERE id = ?1",
                 {snapshot.id, snapshot.gtid, snapshot.scn});
  });
  changed_.notify_all();
  RETURN_IF_ERROR(std::move(made));
  RETURN_IF_ERROR(std::move(stored));
  return snapshot;
}

}  // namespace sluice
