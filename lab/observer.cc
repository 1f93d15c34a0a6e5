#include "lab/observer.h"

#include <utility>
#include <vector>

#include "lab/quiet.h"
#include "trace/machine_view.h"

namespace belfry::lab {
namespace {

// As often in a row must the machine look the same before a run believes that
// it has come to rest: a doorbell of a split call is in no snapshot for a
// moment.
constexpr int kStableLooks = 3;

}  // namespace

absl::Status Observer::Begin() {
  const absl::StatusOr<trace::MachineView> view = machine_.View();
  if (!view.ok()) return view.status();
  before_ = RememberBefore(*view);
  profile_ = view->cluster.profile();
  return absl::OkStatus();
}

void Observer::StartOver() {
  same_ = 0;
  fingerprint_.clear();
}

absl::Status Observer::Look() {
  const auto view = ViewWithoutTrace(machine_);
  if (!view.ok()) return view.status();
  std::string fingerprint = Fingerprint(*view);
  same_ = fingerprint == fingerprint_ ? same_ + 1 : 0;
  fingerprint_ = std::move(fingerprint);
  hung_ = IsHung(*view) && same_ > 0;
  return absl::OkStatus();
}

bool Observer::rests() const { return same_ >= kStableLooks; }

absl::StatusOr<bool> Observer::HasSettled() {
  const auto view = ViewWithoutTrace(machine_);
  if (!view.ok()) return view.status();
  return IsSettled(*view) && rests();
}

absl::Status Observer::AwaitRest() {
  for (int attempt = 0;; ++attempt) {
    const absl::StatusOr<bool> settled = HasSettled();
    if (!settled.ok()) return settled.status();
    if (*settled) return absl::OkStatus();
    const absl::Status looked = Look();
    if (!looked.ok() || hangs()) return looked;
    if (!machine_.WaitForChange(attempt)) {
      return absl::DeadlineExceededError(
          "all moves are made; time is over before the machine has come to "
          "rest");
    }
  }
}

absl::Status Observer::JudgeRun(std::uint32_t subject_cpu, std::uint32_t cpus,
                                const trace::PictureOptions& picture,
                                v1::ScenarioResult* result) {
  const absl::StatusOr<trace::MachineView> view = machine_.View();
  if (!view.ok()) return view.status();
  Judge(*view, before_, subject_cpu, result);
  std::vector<v1::TraceEvent> events;
  for (const v1::TraceEvent& event : view->events) {
    if (event.lamport() > before_.lamport) events.push_back(event);
  }
  result->set_picture(trace::DrawPicture(events, cpus, picture));
  return absl::OkStatus();
}

}  // namespace belfry::lab
