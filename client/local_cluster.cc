#include "client/local_cluster.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "client/monitoring.h"
#include "client/process.h"
#include "client/profile_choice.h"
#include "kernel/ids.h"
#include "rpc/codec.h"

namespace belfry::client {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);
constexpr absl::Duration kSecondGrace = absl::Seconds(1);
// The kernel needs a moment to take a killed process apart.
constexpr absl::Duration kKillTimeout = absl::Seconds(5);

std::string Pairs(const v1::Knob& knob) {
  return absl::StrCat(knob.name(), "=", knob.value());
}

// Any port, of its own address where it has one.
std::string ListenAddress(const v1::LocalCluster::Process* process) {
  const bool named = process != nullptr && !process->host().empty();
  return absl::StrCat(named ? process->host() : "127.0.0.1", ":0");
}

std::vector<std::string> CoordinatorCommand(const std::string& program,
                                            const StateDir& dir,
                                            const v1::LocalCluster& cluster) {
  // After a crash it comes back where the nodes look for it.
  const v1::LocalCluster::Process* before =
      FindProcess(cluster, kCoordinatorName);
  const bool again = before != nullptr && !before->address().empty();
  std::vector<std::string> argv = {
      program,
      "--listen",
      again ? before->address() : ListenAddress(before),
      "--metrics-listen",
      again ? before->metrics_address() : ListenAddress(before),
      "--cpus",
      absl::StrCat(cluster.cpus()),
      "--profile",
      cluster.profile().name(),
      "--state-dir",
      dir.path(),
      "--address-file",
      dir.address_file(kCoordinatorName),
      "--doorbell",
      cluster.split_doorbell() ? "split" : "fused",
      "--csd-lock-timeout",
      absl::StrCat(cluster.csd_lock_timeout_ms(), "ms")};
  for (const v1::Knob& knob : cluster.set()) {
    argv.insert(argv.end(), {"--set", Pairs(knob)});
  }
  if (cluster.gates()) argv.emplace_back("--gates");
  if (cluster.queue_capacity() > 0) {
    argv.insert(argv.end(),
                {"--queue-capacity", absl::StrCat(cluster.queue_capacity())});
  }
  return argv;
}

std::vector<std::string> NodeCommand(const std::string& program,
                                     const StateDir& dir,
                                     const v1::LocalCluster& cluster,
                                     const std::string& name) {
  const std::string listen = ListenAddress(FindProcess(cluster, name));
  std::vector<std::string> argv = {
      program,
      "--coordinator",
      FindProcess(cluster, kCoordinatorName)->address(),
      "--cpu",
      std::string(absl::StripPrefix(name, "cpu/")),
      "--listen",
      listen,
      "--metrics-listen",
      listen,
      "--address-file",
      dir.address_file(name)};
  if (cluster.gates()) argv.emplace_back("--gates");
  if (cluster.has_trace_events()) {
    argv.insert(argv.end(),
                {"--trace-events", absl::StrCat(cluster.trace_events())});
  }
  return argv;
}

v1::LocalCluster::Process* MutableProcess(v1::LocalCluster* cluster,
                                          absl::string_view name) {
  for (v1::LocalCluster::Process& process : *cluster->mutable_processes()) {
    if (process.name() == name) return &process;
  }
  v1::LocalCluster::Process* process = cluster->add_processes();
  process->set_name(std::string(name));
  return process;
}

absl::Status StartProcess(const StateDir& dir, const std::string& name,
                          const std::vector<std::string>& argv,
                          Lifetime lifetime, v1::LocalCluster* cluster) {
  std::error_code ignored;
  std::filesystem::remove(dir.address_file(name), ignored);
  v1::LocalCluster::Process* process = MutableProcess(cluster, name);
  const absl::StatusOr<ProcessId> id =
      Spawn(argv, dir.log_file(name), lifetime, process->network());
  if (!id.ok()) return id.status();
  process->set_pid(id->pid);
  process->set_start_time(id->start_time);
  process->set_log(dir.log_file(name));
  return SaveCluster(dir, *cluster);
}

// The values of an address file by name; empty before the server is ready.
std::map<std::string, std::string> ReadAddressFile(const std::string& path) {
  std::map<std::string, std::string> values;
  const auto text = ReadFile(path);
  if (!text.ok()) return values;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    values.insert(absl::StrSplit(line, absl::MaxSplits('=', 1)));
  }
  return values;
}

bool ReadAddress(const StateDir& dir, v1::LocalCluster::Process* process) {
  auto values = ReadAddressFile(dir.address_file(process->name()));
  if (values.empty()) return false;
  process->set_address(values["address"]);
  process->set_metrics_address(values["metrics"]);
  return true;
}

absl::Status DiedAtStart(const v1::LocalCluster::Process& process) {
  const std::string how = Reap(IdOf(process));
  const std::string words = LastWords(process);
  return absl::FailedPreconditionError(absl::StrCat(
      process.name(), " did not start (", how.empty() ? "it died" : how, ")",
      words.empty() ? "" : ": ", words, "; its log: ", process.log()));
}

absl::Status AwaitAddress(const StateDir& dir, const std::string& name,
                          v1::LocalCluster* cluster, const Patience& patience) {
  v1::LocalCluster::Process* process = MutableProcess(cluster, name);
  while (!ReadAddress(dir, process)) {
    if (!IsAlive(IdOf(*process))) return DiedAtStart(*process);
    const absl::Status status = patience.Check(absl::StrCat(
        name, " is not ready; its log: ", process->log(), "; it still starts"));
    if (!status.ok()) return status;
    absl::SleepFor(kPollInterval);
  }
  return absl::OkStatus();
}

absl::Status StartMonitoring(const StateDir& dir, const std::string& name,
                             v1::LocalCluster* cluster, Lifetime lifetime,
                             const Patience& patience) {
  const absl::StatusOr<MonitoringService> service =
      PrepareMonitoring(dir, *cluster, name);
  if (!service.ok()) return service.status();
  const absl::Status started =
      StartProcess(dir, name, service->argv, lifetime, cluster);
  if (!started.ok()) return started;
  v1::LocalCluster::Process* process = MutableProcess(cluster, name);
  process->set_address(service->address);
  while (!Answers(service->address)) {
    if (!IsAlive(IdOf(*process))) return DiedAtStart(*process);
    const absl::Status status = patience.Check(
        absl::StrCat(name, " is not ready; its log: ", process->log()));
    if (!status.ok()) return status;
    absl::SleepFor(kPollInterval);
  }
  return absl::OkStatus();
}

// All at once: a process takes longer to start than to be started.
absl::Status StartNodes(const StateDir& dir,
                        const std::vector<std::string>& names,
                        v1::LocalCluster* cluster, Lifetime lifetime,
                        const Patience& patience,
                        const ProgressFunction& progress) {
  for (const std::string& name : names) {
    const absl::Status status = SpawnAgain(dir, name, cluster, lifetime);
    if (!status.ok()) return status;
  }
  for (const std::string& name : names) {
    progress(absl::StrCat("waiting for ", name, " to be ready"));
    const absl::Status status = AwaitAddress(dir, name, cluster, patience);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

std::string LastWords(const v1::LocalCluster::Process& process) {
  const std::vector<std::string> last = LastLines(process.log(), 1);
  if (last.empty()) return "";
  const std::size_t level = last[0].find(" error ");
  const std::size_t words =
      level == std::string::npos ? level : last[0].find(": ", level);
  return words == std::string::npos ? last[0] : last[0].substr(words + 2);
}

absl::StatusOr<v1::LocalCluster> MachineFromOptions(const UpOptions& options) {
  if (options.cpus < 1 || options.cpus > static_cast<int>(kernel::kMaxCpus)) {
    return UsageError(absl::StrCat("--cpus ", options.cpus,
                                   ": a machine has 1 to ", kernel::kMaxCpus,
                                   " CPUs"));
  }
  const absl::StatusOr<kernel::Profile> profile =
      ChooseProfile(options.profile, options.set);
  if (!profile.ok()) return profile.status();
  v1::LocalCluster machine;
  machine.set_boot_id(BootId());
  machine.set_cpus(static_cast<std::uint32_t>(options.cpus));
  *machine.mutable_profile() = rpc::ToProto(*profile);
  *machine.mutable_set() = ParseKnobs(options.set);
  machine.set_split_doorbell(options.split_doorbell);
  machine.set_gates(options.gates);
  machine.set_monitoring(options.monitoring);
  machine.set_csd_lock_timeout_ms(static_cast<std::uint32_t>(
      absl::ToInt64Milliseconds(options.csd_lock_timeout)));
  machine.set_queue_capacity(options.queue_capacity);
  machine.set_trace_events(options.trace_events);
  return machine;
}

absl::Status Patience::Check(absl::string_view what) const {
  const absl::Status status = interrupt->Check();
  if (!status.ok()) return status;
  if (absl::Now() < deadline) return absl::OkStatus();
  return WithExitCode(absl::DeadlineExceededError(
                          absl::StrCat(what, " when the time was over")),
                      kExitTimeout);
}

absl::StatusOr<std::vector<std::string>> StartMissing(
    const StateDir& dir, v1::LocalCluster* cluster, Lifetime lifetime,
    const Patience& patience, const ProgressFunction& progress) {
  std::error_code ignored;
  std::filesystem::create_directories(dir.log_dir(), ignored);
  std::filesystem::create_directories(dir.run_dir(), ignored);
  std::vector<std::string> missing = DeadProcesses(*cluster);
  cluster->set_boot_id(BootId());
  const std::vector<std::string> started = missing;
  const auto coordinator =
      std::find(missing.begin(), missing.end(), kCoordinatorName);
  if (coordinator != missing.end()) {
    progress("starting the coordinator");
    const absl::Status status =
        StartAgain(dir, *coordinator, cluster, lifetime, patience);
    if (!status.ok()) return status;
    missing.erase(coordinator);
  }
  for (const absl::string_view name : {kAlertmanagerName, kPrometheusName}) {
    const auto service = std::find(missing.begin(), missing.end(), name);
    if (service == missing.end()) continue;
    progress(absl::StrCat("starting ", std::string(name)));
    const absl::Status status =
        StartMonitoring(dir, *service, cluster, lifetime, patience);
    if (!status.ok()) return status;
    missing.erase(service);
  }
  const absl::Status status =
      StartNodes(dir, missing, cluster, lifetime, patience, progress);
  if (!status.ok()) return status;
  const absl::Status saved = SaveCluster(dir, *cluster);
  if (!saved.ok()) return saved;
  return started;
}

absl::Status SpawnAgain(const StateDir& dir, const std::string& name,
                        v1::LocalCluster* cluster, Lifetime lifetime) {
  const bool coordinator = name == kCoordinatorName;
  const absl::StatusOr<std::string> program =
      FindProgram(coordinator ? "belfry-coordinator" : "belfry-node");
  if (!program.ok()) return program.status();
  return StartProcess(dir, name,
                      coordinator ? CoordinatorCommand(*program, dir, *cluster)
                                  : NodeCommand(*program, dir, *cluster, name),
                      lifetime, cluster);
}

absl::Status StartAgain(const StateDir& dir, const std::string& name,
                        v1::LocalCluster* cluster, Lifetime lifetime,
                        const Patience& patience) {
  const absl::Status started = SpawnAgain(dir, name, cluster, lifetime);
  if (!started.ok()) return started;
  return AwaitAddress(dir, name, cluster, patience);
}

v1::LocalCluster ClusterFromAddresses(const StateDir& dir) {
  v1::LocalCluster cluster;
  cluster.set_boot_id(BootId());
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(dir.run_dir(), ignored)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(ReadAddressFile(entry.path().string())["pid"],
                          &pid)) {
      continue;
    }
    // The pid may be another's by now.
    const absl::StatusOr<ProcessId> id = FindRunning(pid, "belfry-");
    if (!id.ok()) continue;
    v1::LocalCluster::Process* process = cluster.add_processes();
    process->set_name(entry.path().stem().string());
    process->set_pid(id->pid);
    process->set_start_time(id->start_time);
  }
  return cluster;
}

Stopped StopProcesses(const v1::LocalCluster& cluster, absl::Duration grace) {
  if (cluster.boot_id() != BootId()) return {};
  std::vector<const v1::LocalCluster::Process*> alive;
  std::vector<ProcessId> ids;
  for (const v1::LocalCluster::Process& process : cluster.processes()) {
    if (!IsAlive(IdOf(process))) continue;
    alive.push_back(&process);
    ids.push_back(IdOf(process));
  }
  for (const absl::Duration wait : {grace, kSecondGrace}) {
    for (const ProcessId& id : ids) SendSignal(id, SIGTERM);
    if (WaitForDeath(ids, wait)) break;
  }
  Stopped stopped;
  for (const v1::LocalCluster::Process* process : alive) {
    const bool killed = IsAlive(IdOf(*process));
    if (killed) SendSignal(IdOf(*process), SIGKILL);
    (killed ? stopped.killed : stopped.ended).push_back(process->name());
  }
  WaitForDeath(ids, kKillTimeout);
  return stopped;
}

}  // namespace belfry::client
