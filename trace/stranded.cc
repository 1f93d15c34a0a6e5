#include "trace/stranded.h"

#include <algorithm>

#include "belfry/v1/types.pb.h"

namespace belfry::trace {
namespace {

template <typename Predicate>
std::vector<std::uint32_t> CpusThat(const MachineView& view,
                                    Predicate predicate) {
  std::vector<std::uint32_t> cpus;
  for (const CpuView& cpu : view.cpus) {
    if (predicate(view, cpu.info.cpu())) cpus.push_back(cpu.info.cpu());
  }
  return cpus;
}

}  // namespace

bool SpinsInHandler(const v1::CpuSnapshot& snapshot) {
  if (snapshot.life() != "ONLINE" || !snapshot.irqs_masked() ||
      !snapshot.stop().state().empty()) {
    return false;
  }
  const auto& calls = snapshot.outgoing();
  return std::any_of(
      calls.begin(), calls.end(),
      [](const v1::OutgoingCall& call) { return call.wait() && call.stuck(); });
}

std::uint32_t DoorbellsInFlight(const MachineView& view, std::uint32_t cpu) {
  std::uint32_t count = 0;
  for (const CpuView& other : view.cpus) {
    if (!other.snapshot) continue;
    if (other.info.cpu() == cpu) count += other.snapshot->doorbells_in_flight();
    // What it owes it does not pay any more.
    if (SpinsInHandler(*other.snapshot)) continue;
    for (const v1::OutgoingCall& call : other.snapshot->outgoing()) {
      // Until its sender knows that it is queued, the sender may owe a ring.
      if (call.cpu() == cpu && call.state() == v1::OutgoingCall::STATE_SENT) {
        ++count;
      }
    }
  }
  return count;
}

namespace {

// Online, and nothing comes or goes on that would make it look for work.
bool Rests(const MachineView& view, const CpuView& target) {
  const v1::CpuSnapshot& snapshot = *target.snapshot;
  // The CPU's own word is newer than the coordinator's: on its way up it runs,
  // and can be called, before its last steps.
  const bool runs =
      snapshot.life().empty() ? IsOnline(target) : snapshot.life() == "ONLINE";
  const bool drains = snapshot.taken() > 0 || snapshot.has_running();
  return runs && !snapshot.latched() && !snapshot.need_resched() && !drains &&
         DoorbellsInFlight(view, target.info.cpu()) == 0;
}

}  // namespace

bool IsStranded(const MachineView& view, std::uint32_t cpu) {
  const CpuView* target = FindCpu(view, cpu);
  return target != nullptr && target->snapshot &&
         target->snapshot->depth() > 0 && Rests(view, *target);
}

bool HasStrandedSoftirq(const MachineView& view, std::uint32_t cpu) {
  const CpuView* target = FindCpu(view, cpu);
  return target != nullptr && target->snapshot &&
         target->snapshot->blk_cpu_done() > 0 &&
         !target->snapshot->irqs_masked() && Rests(view, *target);
}

std::uint64_t CallsCutOff(const v1::CpuSnapshot& snapshot) {
  if (snapshot.taken() > 0 || snapshot.has_running()) return 0;
  std::uint64_t queued = 0;
  for (const v1::InboundRow& row : snapshot.inbound()) queued += row.queued();
  return queued > snapshot.depth() ? queued - snapshot.depth() : 0;
}

bool IsLeftBehind(const MachineView& view, std::uint32_t cpu) {
  const CpuView* target = FindCpu(view, cpu);
  if (target == nullptr || !target->snapshot) return false;
  const v1::CpuSnapshot& snapshot = *target->snapshot;
  return snapshot.life() == "DEAD" && snapshot.depth() > 0;
}

std::vector<std::uint32_t> StrandedCpus(const MachineView& view) {
  return CpusThat(view, IsStranded);
}

std::vector<std::uint32_t> StrandedSoftirqCpus(const MachineView& view) {
  return CpusThat(view, HasStrandedSoftirq);
}

std::vector<std::uint32_t> LeftBehindCpus(const MachineView& view) {
  return CpusThat(view, IsLeftBehind);
}

}  // namespace belfry::trace
