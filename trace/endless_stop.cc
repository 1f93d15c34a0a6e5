#include "trace/endless_stop.h"

#include <algorithm>
#include <optional>

#include "kernel/cpumask.h"

namespace belfry::trace {
namespace {

const v1::CpuSnapshot* SnapshotOf(const MachineView& view, std::uint32_t cpu) {
  const CpuView* found = FindCpu(view, cpu);
  return found != nullptr && found->snapshot ? &*found->snapshot : nullptr;
}

bool IsSame(const v1::StopTwoKey& a, const v1::StopTwoKey& b) {
  return a.cpu() == b.cpu() && a.incarnation() == b.incarnation() &&
         a.number() == b.number();
}

// What the work that the CPU's stopper runs waits for: nothing when it runs
// none, or its other half runs too.
std::optional<StopTwoWait> WaitOf(const MachineView& view, std::uint32_t cpu) {
  const v1::CpuSnapshot* self = SnapshotOf(view, cpu);
  if (self == nullptr || self->stopper().works().empty()) return std::nullopt;
  const v1::StopTwoWork& work = self->stopper().works(0);
  if (work.state() != "PREPARE" || !work.acked()) return std::nullopt;
  const v1::CpuSnapshot* partner = SnapshotOf(view, work.partner());
  if (partner == nullptr) return std::nullopt;
  const auto& works = partner->stopper().works();
  const auto half = std::find_if(
      works.begin(), works.end(), [&](const v1::StopTwoWork& other) {
        return IsSame(other.key(), work.key()) && other.state().empty();
      });
  if (half == works.end()) return std::nullopt;
  return StopTwoWait{.cpu = cpu,
                     .partner = work.partner(),
                     .initiator = work.key().cpu(),
                     .number = work.key().number(),
                     .asleep = partner->stopper().asleep()};
}

// Whose stopper has to go on before that wait ends: the partner's, which runs
// another work; or, where it sleeps, that of the initiator's CPU, whose task
// cannot run to wake it.
std::optional<std::uint32_t> NextOf(const MachineView& view,
                                    const StopTwoWait& wait) {
  if (!wait.asleep) return wait.partner;
  const v1::CpuSnapshot* initiator = SnapshotOf(view, wait.initiator);
  if (initiator == nullptr || !initiator->has_stop_two()) return std::nullopt;
  const auto owed = kernel::ParseCpuList(initiator->stop_two().to_wake());
  if (!owed.ok() || !owed->Has({wait.partner})) return std::nullopt;
  return wait.initiator;
}

}  // namespace

std::vector<StopTwoWait> StopTwoRing(const MachineView& view) {
  for (const CpuView& start : view.cpus) {
    std::vector<StopTwoWait> ring;
    std::optional<std::uint32_t> cpu = start.info.cpu();
    while (cpu && ring.size() <= view.cpus.size()) {
      const std::optional<StopTwoWait> wait = WaitOf(view, *cpu);
      if (!wait) break;
      ring.push_back(*wait);
      cpu = NextOf(view, *wait);
      if (cpu == start.info.cpu()) return ring;
    }
  }
  return {};
}

std::vector<std::uint32_t> CpusThatDiscarded(const MachineView& view) {
  std::vector<std::uint32_t> cpus;
  const v1::StopStatus& round = view.cluster.stop();
  const auto missing = kernel::ParseCpuList(round.missing());
  if (round.state() != "PREPARE" || !missing.ok()) return cpus;
  for (const kernel::CpuId cpu : missing->cpus()) {
    const CpuView* counted = FindCpu(view, cpu.value);
    if (counted == nullptr || !counted->snapshot) continue;
    if (counted->snapshot->stopper().closed_generation() >=
        round.generation()) {
      cpus.push_back(cpu.value);
    }
  }
  return cpus;
}

}  // namespace belfry::trace
