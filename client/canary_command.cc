// belfry canary.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/cpu_text.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/state_dir.h"

namespace belfry::client {
namespace {

// An alert passes a scrape, an evaluation, `for` and Alertmanager.
constexpr absl::Duration kPatience = absl::Minutes(2);
constexpr absl::Duration kLookEvery = absl::Milliseconds(250);

// On a cluster of this host nobody could send the alert back. What monitors one
// that --coordinator names is not ours to know.
absl::Status CheckMonitored(const GlobalOptions& options) {
  if (!options.coordinator.empty()) return absl::OkStatus();
  const auto cluster = LoadCluster(StateDir(options.state_dir));
  if (!cluster.ok()) return cluster.status();
  if (!cluster->has_value() || (*cluster)->monitoring()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "no alert can come back: the cluster was started without --monitoring; "
      "run: belfry down; belfry up --monitoring --detach (where others monitor "
      "it, name it with --coordinator)");
}

// Until its alert has come back. DEADLINE_EXCEEDED, with the exit code of a
// promise that was not kept in time, if it has not.
absl::StatusOr<v1::Canary> AwaitDetection(Coordinator& coordinator,
                                          const v1::Canary& injected,
                                          absl::Duration patience) {
  const Interrupt interrupt;
  const absl::Time deadline = absl::Now() + patience;
  while (absl::Now() < deadline) {
    const auto response =
        coordinator.Ask(&Coordinator::Stub::GetCanary, v1::GetCanaryRequest());
    if (!response.ok()) return response.status();
    if (response->canary().detected() > injected.detected()) {
      return response->canary();
    }
    if (!interrupt.Sleep(kLookEvery)) return interrupt.Check();
  }
  return WithExitCode(
      absl::DeadlineExceededError(absl::StrCat(
          "the canary on ", CpuName(injected.cpu()),
          " was not detected within ", DurationText(patience),
          ": is Prometheus scraping, and does Alertmanager send the alerts of "
          "cpu=\"canary\" to the coordinator's /alerts?")),
      kExitNotInTime);
}

}  // namespace

ExitCode Run(Context& context, const CanaryOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  absl::Status status =
      options.detach ? absl::OkStatus() : CheckMonitored(context.options);
  if (!status.ok()) return status;
  v1::InjectCanaryRequest request;
  if (options.cpu) {
    status = CheckPossible(*coordinator, {*options.cpu});
    if (!status.ok()) return status;
    request.set_cpu(*options.cpu);
  }
  const absl::Time start = absl::Now();
  const auto injected =
      coordinator->Ask(&Coordinator::Stub::InjectCanary, request);
  if (!injected.ok()) return injected.status();
  v1::CanaryReport report;
  *report.mutable_canary() = injected->canary();
  const std::string cpu = CpuName(injected->canary().cpu());
  if (options.detach) {
    if (context.out.json()) {
      context.out.Json(report);
    } else {
      context.out.Line(absl::StrCat("canary injected on ", cpu));
    }
    return kExitOk;
  }
  context.out.Progress(absl::StrCat("canary injected on ", cpu,
                                    "; waiting for its alert to come back"));
  const auto detected = AwaitDetection(
      *coordinator, injected->canary(),
      context.options.timeout_given ? context.options.timeout : kPatience);
  if (!detected.ok()) return detected.status();
  *report.mutable_canary() = *detected;
  *report.mutable_detected_after() = ToProto(absl::Now() - start);
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    context.out.Line(absl::StrCat("canary on ", cpu,
                                  " detected: its alert came back after ",
                                  DurationText(absl::Now() - start)));
  }
  return kExitOk;
}

}  // namespace belfry::client
