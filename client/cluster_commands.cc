// belfry up, down, status.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cluster_status.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/local_cluster.h"
#include "client/process.h"
#include "client/profile_choice.h"
#include "client/state_dir.h"
#include "client/stub.h"

namespace belfry::client {
namespace {

// Starting takes longer than asking; a CPU more makes it longer.
absl::Duration StartTimeout(const GlobalOptions& options, std::uint32_t cpus) {
  if (options.timeout_given) return options.timeout;
  return absl::Seconds(30) + cpus * absl::Milliseconds(500);
}

// A process that ends in order takes a fraction of it.
constexpr absl::Duration kStopGrace = absl::Seconds(4);

absl::Status AlreadyUp(const StateDir& dir, const v1::LocalCluster& cluster,
                       const std::vector<std::string>& dead) {
  if (dead.empty()) {
    return absl::AlreadyExistsError(absl::StrCat(
        "a cluster of ", cluster.cpus(), " CPUs is up in ", dir.path(),
        " already; run: belfry status, or belfry down"));
  }
  return absl::AlreadyExistsError(
      absl::StrCat("a cluster is up in ", dir.path(), ", but ",
                   absl::StrJoin(dead, ", "), dead.size() == 1 ? " is" : " are",
                   " dead; run: belfry up --repair, or belfry down"));
}

ProgressFunction ProgressTo(Output& out) {
  return [&out](absl::string_view text) { out.Progress(text); };
}

// Starts a machine from nothing. Whatever goes wrong, nothing is left running.
absl::Status StartFresh(Context& context, const StateDir& dir,
                        v1::LocalCluster* cluster, const Interrupt& interrupt) {
  const Patience patience{
      absl::Now() + StartTimeout(context.options, cluster->cpus()), &interrupt};
  const ProgressFunction progress = ProgressTo(context.out);
  // A journal that nobody here has written is not ours to remove.
  const bool had_journal = HasJournal(dir);
  // What the last machine wrote is of no use to this one.
  RemoveLogs(dir);
  absl::Status status =
      StartMissing(dir, cluster, Lifetime::kOwn, patience, progress).status();
  if (status.ok()) status = BringOnline(*cluster, patience, progress);
  if (!status.ok()) {
    StopProcesses(*cluster, absl::Seconds(2));
    RemoveState(dir);
    if (!had_journal) RemoveJournal(dir);
  }
  return status;
}

ExitCode Repair(Context& context, const StateDir& dir,
                v1::LocalCluster cluster) {
  const Interrupt interrupt;
  const Patience patience{
      absl::Now() + StartTimeout(context.options, cluster.cpus()), &interrupt};
  const auto started = StartMissing(dir, &cluster, Lifetime::kOwn, patience,
                                    ProgressTo(context.out));
  if (!started.ok()) return started.status();
  const absl::Status attached = AwaitAttached(cluster, patience);
  if (!attached.ok()) return attached;
  v1::ClusterStatus status = StatusOf(context.options, dir);
  status.set_message(
      started->empty()
          ? "every process is alive: nothing to repair"
          : absl::StrCat("started again: ", absl::StrJoin(*started, ", "),
                         "; see: belfry cpu list"));
  if (context.out.json()) {
    context.out.Json(status);
  } else {
    context.out.Line(status.message());
  }
  return kExitOk;
}

void PrintUp(Context& context, const StateDir& dir,
             const v1::LocalCluster& cluster) {
  if (context.out.json()) {
    context.out.Json(StatusOf(context.options, dir));
    return;
  }
  const auto* coordinator = FindProcess(cluster, kCoordinatorName);
  context.out.Line(absl::StrCat(cluster.cpus(), " CPUs online, profile ",
                                ProfileText(cluster.profile())));
  context.out.Line(absl::StrCat("  coordinator  ", coordinator->address()));
  context.out.Line(absl::StrCat("  page         http://",
                                coordinator->metrics_address(),
                                "/  (and /metrics)"));
  if (const auto* prometheus = FindProcess(cluster, kPrometheusName)) {
    context.out.Line(
        absl::StrCat("  prometheus   http://", prometheus->address(), "/"));
  }
  context.out.Line(absl::StrCat("  state        ", dir.path()));
  context.out.Line(absl::StrCat("  logs         ", dir.log_dir()));
}

// A machine that is off remembers nothing.
void RemoveMachine(const StateDir& dir) {
  RemoveState(dir);
  RemoveJournal(dir);
}

std::string StoppedText(const Stopped& stopped) {
  const std::size_t ended = stopped.ended.size();
  std::string text = absl::StrCat(
      "taken down: ", ended, ended == 1 ? " process" : " processes", " ended");
  if (!stopped.killed.empty()) {
    absl::StrAppend(&text, "; did not end when asked to, and were killed: ",
                    absl::StrJoin(stopped.killed, ", "));
  }
  return text;
}

// Says once of each process that it has died.
class DeathWatch {
 public:
  explicit DeathWatch(const v1::LocalCluster& cluster) : cluster_(cluster) {}

  // False when none is left.
  bool Look(Output& out) {
    const std::vector<std::string> dead = DeadProcesses(cluster_);
    const std::vector<std::string> told = std::exchange(told_, dead);
    for (const std::string& name : dead) {
      if (std::find(told.begin(), told.end(), name) != told.end()) continue;
      const auto* process = FindProcess(cluster_, name);
      const std::string how = Reap(IdOf(*process));
      out.Note(
          absl::StrCat("belfry: ", name, " died",
                       how.empty() ? "" : absl::StrCat(" (", how, ")"),
                       "; run: belfry up --repair; its log: ", process->log()));
    }
    return dead.size() < ProcessNames(cluster_).size();
  }

 private:
  const v1::LocalCluster& cluster_;
  std::vector<std::string> told_;
};

// Until the user, or a `belfry down` elsewhere, ends it.
ExitCode StayInForeground(Context& context, const StateDir& dir,
                          const v1::LocalCluster& started,
                          const Interrupt& interrupt) {
  context.out.Note("Ctrl-C takes it down");
  v1::LocalCluster cluster = started;
  DeathWatch watch(cluster);
  while (interrupt.Sleep(absl::Milliseconds(300))) {
    // A repair elsewhere changes the processes; a `down` removes the file.
    const auto now = LoadCluster(dir);
    if (now.ok() && !now->has_value()) {
      context.out.Note("taken down by another belfry");
      return kExitOk;
    }
    if (now.ok()) cluster = **now;
    if (!watch.Look(context.out)) break;
  }
  context.out.Note("");
  context.out.Note(StoppedText(StopProcesses(cluster, kStopGrace)));
  RemoveMachine(dir);
  return interrupt.requested() ? kExitOk : kExitFailed;
}

}  // namespace

ExitCode Run(Context& context, const UpOptions& options) {
  if (!context.options.coordinator.empty()) {
    return UsageError(
        "up starts a coordinator of its own: leave --coordinator "
        "(BELFRY_COORDINATOR) out");
  }
  auto machine = MachineFromOptions(options);
  if (!machine.ok()) return machine.status();
  const StateDir dir(context.options.state_dir);
  // Given back before the foreground is kept, so that `down` can work.
  absl::StatusOr<StateLock> taken = StateLock::Take(dir);
  if (!taken.ok()) return taken.status();
  std::optional<StateLock> lock(*std::move(taken));
  const auto before = LoadCluster(dir);
  if (!before.ok()) return before.status();
  if (!before->has_value() && options.repair) {
    return absl::NotFoundError(absl::StrCat("nothing to repair: no cluster in ",
                                            dir.path(), "; run: belfry up"));
  }
  if (before->has_value()) {
    if (options.repair) return Repair(context, dir, **before);
    const std::vector<std::string> dead = DeadProcesses(**before);
    if (ConditionOf(**before, dead) != Condition::kStale) {
      return AlreadyUp(dir, **before, dead);
    }
    if (CoordinatorRuns(dir)) {
      return absl::AlreadyExistsError(absl::StrCat(
          "a cluster is up in ", dir.path(),
          " whose processes cannot be seen from here: it was started in "
          "another container; take it down there, or choose --state-dir"));
    }
    context.out.Note(
        absl::StrCat("belfry: removed what a cluster whose processes are dead "
                     "left in ",
                     dir.path()));
    RemoveMachine(dir);
  }
  const Interrupt interrupt;
  const absl::Status started = StartFresh(context, dir, &*machine, interrupt);
  if (!started.ok()) return started;
  PrintUp(context, dir, *machine);
  lock.reset();
  if (options.detach) return kExitOk;
  return StayInForeground(context, dir, *machine, interrupt);
}

ExitCode Run(Context& context, const DownOptions&) {
  const StateDir dir(context.options.state_dir);
  absl::StatusOr<std::optional<v1::LocalCluster>> cluster = LoadCluster(dir);
  if (!cluster.ok()) {
    context.out.Note(absl::StrCat("belfry: cannot read ", dir.cluster_file(),
                                  "; ending what still runs"));
    cluster = ClusterFromAddresses(dir);
  }
  v1::ClusterStatus report;
  report.set_state_dir(dir.path());
  report.set_state("down");
  if (!cluster->has_value()) {
    report.set_message(absl::StrCat("no cluster in ", dir.path()));
  } else {
    const Stopped stopped = StopProcesses(**cluster, kStopGrace);
    RemoveMachine(dir);
    report.set_log_dir(dir.log_dir());
    report.set_message(
        stopped.ended.empty() && stopped.killed.empty()
            ? "its processes were dead already: removed what they left"
            : StoppedText(stopped));
  }
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    context.out.Line(report.message());
  }
  return kExitOk;
}

ExitCode Run(Context& context, const StatusOptions&) {
  const StateDir dir(context.options.state_dir);
  const v1::ClusterStatus status = StatusOf(context.options, dir);
  if (context.out.json()) {
    context.out.Json(status);
  } else {
    context.out.Data(StatusText(status, context.out));
  }
  return status.state() == "up" || status.state() == "remote" ? kExitOk
                                                              : kExitFailed;
}

}  // namespace belfry::client
