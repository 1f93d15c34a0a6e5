#include "client/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/files.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "rpc/files.h"

namespace belfry::client {
namespace {

constexpr std::uint32_t kVersion = 1;

absl::Status Unreadable(const StateDir& dir, absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat(dir.cluster_file(), " ", why, "; run: belfry down"));
}

// The database, and what it keeps beside it.
std::vector<std::filesystem::path> JournalFiles(const StateDir& dir) {
  std::vector<std::filesystem::path> files;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(dir.path(), ignored)) {
    if (absl::StartsWith(entry.path().filename().string(), "journal")) {
      files.push_back(entry.path());
    }
  }
  return files;
}

}  // namespace

std::string CpuName(std::uint32_t cpu) { return absl::StrCat("cpu/", cpu); }

std::string StateDir::log_file(absl::string_view process) const {
  return absl::StrCat(log_dir(), "/", absl::StrReplaceAll(process, {{"/", ""}}),
                      ".log");
}

std::string StateDir::address_file(absl::string_view process) const {
  return absl::StrCat(run_dir(), "/", absl::StrReplaceAll(process, {{"/", ""}}),
                      ".address");
}

std::string DefaultStateDir() {
  const char* state_home = std::getenv("XDG_STATE_HOME");
  if (state_home != nullptr && *state_home == '/') {
    return absl::StrCat(state_home, "/belfry");
  }
  const char* home = std::getenv("HOME");
  return absl::StrCat(home != nullptr && *home != '\0' ? home : "/root",
                      "/.local/state/belfry");
}

absl::StatusOr<std::optional<v1::LocalCluster>> LoadCluster(
    const StateDir& dir) {
  const absl::StatusOr<std::string> text = ReadFile(dir.cluster_file());
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  v1::LocalCluster cluster;
  google::protobuf::TextFormat::Parser parser;
  // What is wrong is said below, in one line.
  class Silence : public google::protobuf::io::ErrorCollector {
    void AddError(int, int, const std::string&) override {}
  } silence;
  parser.RecordErrorsTo(&silence);
  if (!parser.ParseFromString(*text, &cluster)) {
    return Unreadable(dir, "is damaged");
  }
  if (cluster.version() != kVersion) {
    return Unreadable(dir, absl::StrCat("is of version ", cluster.version(),
                                        ", not ", kVersion));
  }
  return cluster;
}

absl::Status SaveCluster(const StateDir& dir, const v1::LocalCluster& cluster) {
  v1::LocalCluster copy = cluster;
  copy.set_version(kVersion);
  std::string text;
  google::protobuf::TextFormat::PrintToString(copy, &text);
  return rpc::WriteFileAtomically(dir.cluster_file(), text);
}

const v1::LocalCluster::Process* FindProcess(const v1::LocalCluster& cluster,
                                             absl::string_view name) {
  for (const v1::LocalCluster::Process& process : cluster.processes()) {
    if (process.name() == name) return &process;
  }
  return nullptr;
}

ProcessId IdOf(const v1::LocalCluster::Process& process) {
  return {.pid = static_cast<pid_t>(process.pid()),
          .start_time = process.start_time()};
}

std::vector<std::string> ProcessNames(const v1::LocalCluster& cluster) {
  std::vector<std::string> names = {std::string(kCoordinatorName)};
  for (std::uint32_t cpu = 0; cpu < cluster.cpus(); ++cpu) {
    names.push_back(CpuName(cpu));
  }
  if (cluster.monitoring()) {
    names.emplace_back(kAlertmanagerName);
    names.emplace_back(kPrometheusName);
  }
  return names;
}

std::vector<std::string> DeadProcesses(const v1::LocalCluster& cluster,
                                       const std::string& boot_id,
                                       const AliveFunction& alive) {
  const bool same_boot = cluster.boot_id() == boot_id;
  std::vector<std::string> dead;
  for (const std::string& name : ProcessNames(cluster)) {
    const v1::LocalCluster::Process* process = FindProcess(cluster, name);
    if (!same_boot || process == nullptr || !alive(IdOf(*process))) {
      dead.push_back(name);
    }
  }
  return dead;
}

std::vector<std::string> DeadProcesses(const v1::LocalCluster& cluster) {
  return DeadProcesses(cluster, BootId(), &IsAlive);
}

Condition ConditionOf(const v1::LocalCluster& cluster,
                      const std::vector<std::string>& dead) {
  if (dead.empty()) return Condition::kUp;
  return dead.size() == ProcessNames(cluster).size() ? Condition::kStale
                                                     : Condition::kDegraded;
}

void RemoveState(const StateDir& dir) {
  std::error_code ignored;
  std::filesystem::remove(dir.cluster_file(), ignored);
  std::filesystem::remove_all(dir.run_dir(), ignored);
  std::filesystem::remove_all(dir.monitoring_dir(), ignored);
}

void RemoveJournal(const StateDir& dir) {
  std::error_code ignored;
  for (const std::filesystem::path& path : JournalFiles(dir)) {
    std::filesystem::remove(path, ignored);
  }
}

bool HasJournal(const StateDir& dir) { return !JournalFiles(dir).empty(); }

bool CoordinatorRuns(const StateDir& dir) {
  const int fd =
      open(dir.coordinator_lock_file().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
  return locked;
}

void RemoveLogs(const StateDir& dir) {
  std::error_code ignored;
  std::filesystem::remove_all(dir.log_dir(), ignored);
}

absl::StatusOr<StateLock> StateLock::Take(const StateDir& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir.path(), error);
  const int fd =
      open(dir.lock_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot use the state directory ", dir.path(), ": ",
                     std::strerror(errno)));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return absl::FailedPreconditionError(
        absl::StrCat("another belfry works on ", dir.path(), " just now"));
  }
  return StateLock(fd);
}

StateLock::StateLock(StateLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

StateLock::~StateLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace belfry::client
