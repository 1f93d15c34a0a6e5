#include "lab/referee.h"

#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"

namespace belfry::lab {

using namespace kernel;  // NOLINT: this file is about little else.

Violations CheckState(const World& world) {
  Violations found;
  const std::vector<const Cpu*> living = world.Living();
  CheckNoStrandedQueue(living, world.DoorbellsInFlight(), found);
  for (const Cpu* cpu : living) CheckNothingLeftBehind(*cpu, found);
  if (world.coordinator_up()) {
    CheckOneView(living, world.coordinator(), found);
  }
  return found;
}

Violations WaitsOf(const World& world) {
  Violations waits;
  for (const Cpu* cpu : world.Living()) CheckEveryWaitEnds(*cpu, waits);
  if (!waits.empty() || !world.coordinator_up()) return waits;
  const auto& op = world.coordinator().current();
  if (op) {
    waits.push_back(
        {Invariant::kEveryWaitEnds, std::nullopt,
         absl::StrCat(OpKindName(op->kind), " of cpu ", op->cpu.value,
                      " stands in leg ", LegName(op->leg))});
  }
  return waits;
}

Referee::Referee(std::uint32_t cpus) {
  for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) Forget(cpu);
}

void Referee::Forget(std::uint32_t cpu) {
  ledgers_.insert_or_assign(CpuId{cpu}, Ledger(CpuId{cpu}));
  unrung_.erase(CpuId{cpu});
}

void Referee::See(const Happenings& happenings) {
  for (const Happening& happening : happenings) {
    const auto* event = std::get_if<TraceEvent>(&happening.what);
    if (event == nullptr) continue;
    if (happening.cpu) {
      ledgers_.at(*happening.cpu).Apply(*event);
      observer_.Observe(*happening.cpu, *event);
    } else {
      observer_.ObserveCoordinator(*event);
    }
  }
}

Violations Referee::Check(const World& world) const {
  Violations found = observer_.violations();
  for (const Violation& violation : CheckState(world)) {
    found.push_back(violation);
  }
  for (const Cpu* cpu : world.Living()) {
    CheckConservation(*cpu, ledgers_.at(cpu->id()), found);
  }
  return found;
}

void Referee::Record(const World& world, absl::FunctionRef<std::string()> when,
                     bool at_rest) {
  Violations found = Check(world);
  if (at_rest) {
    for (Violation& wait : WaitsOf(world)) found.push_back(std::move(wait));
  }
  for (const Violation& v : found) {
    const bool excused = !at_rest && v.cpu && unrung_.contains(*v.cpu) &&
                         v.invariant == Invariant::kNoStrandedQueue;
    if (excused || violated_.contains(v.invariant)) continue;
    const std::string where =
        v.cpu ? absl::StrCat("cpu ", v.cpu->value, ": ") : "";
    violated_.try_emplace(v.invariant,
                          absl::StrCat(when(), ": ", where, v.what));
  }
}

}  // namespace belfry::lab
