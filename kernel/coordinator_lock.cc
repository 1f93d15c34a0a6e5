// The hotplug lock: CPUs' tasks hold it for reading, the operation under way
// for writing.
#include <utility>

#include "absl/strings/string_view.h"
#include "kernel/coordinator.h"

namespace belfry::kernel {

// cpu_hotplug_begin(). What lies between the look and the sleep is an event of
// its own, as in the kernel a reader can let go in between.
void Coordinator::BeginOp(CoordinatorEffects& out) {
  if (lock_.Begin()) {
    EnterFirstLeg(out);
    return;
  }
  TraceLock("looks", out);
  await_ = Await::kReaders;
  out.push_back(AwaitReaders{op_->id});
}

void Coordinator::On(SleepOnLock& e, CoordinatorEffects& out) {
  if (!op_ || op_->id != e.op || await_ != Await::kReaders) return;
  const bool has_it = lock_.Sleep();
  TraceLock(has_it ? "has it" : "sleeps", out);
  if (has_it) {
    EnterFirstLeg(out);
  } else {
    GrantReaders(out);
  }
}

void Coordinator::Heard(CpuId cpu, Readers& m, CoordinatorEffects& out) {
  SetReaders(cpu, m.count, out);
}

void Coordinator::SetReaders(CpuId cpu, std::uint32_t wanted,
                             CoordinatorEffects& out) {
  ReadersOf& readers = readers_[cpu];
  readers.wanted = wanted;
  if (readers.granted <= wanted) {
    GrantReaders(out);
    return;
  }
  bool woken = false;
  for (; readers.granted > wanted; --readers.granted) {
    const std::uint32_t pending = lock_.puts_pending();
    woken = lock_.Put() || woken;
    if (lock_.puts_pending() == pending) continue;
    TraceEvent event{.kind = TraceKind::kPutsPending, .about = cpu};
    out.push_back(CoordinatorTrace{std::move(event)});
  }
  out.push_back(TellCpu{cpu, ReadersGranted{readers.granted}});
  if (!woken) return;
  TraceLock("has it", out);
  EnterFirstLeg(out);
}

// Who comes while the writer sleeps has the lock before it.
void Coordinator::GrantReaders(CoordinatorEffects& out) {
  if (recovering_ || !lock_.CanGet()) return;
  for (auto& [cpu, readers] : readers_) {
    if (readers.granted >= readers.wanted) continue;
    for (; readers.granted < readers.wanted; ++readers.granted) lock_.Get();
    out.push_back(TellCpu{cpu, ReadersGranted{readers.granted}});
  }
}

void Coordinator::TraceLock(absl::string_view what,
                            CoordinatorEffects& out) const {
  TraceEvent event = Event(TraceKind::kCpuHotplugBegin);
  event.value = lock_.readers();
  event.detail = std::string(what);
  out.push_back(CoordinatorTrace{std::move(event)});
}

}  // namespace belfry::kernel
