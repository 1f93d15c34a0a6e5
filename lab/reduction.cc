#include "lab/reduction.h"

#include <algorithm>
#include <variant>

#include "kernel/cpuhp.h"

namespace belfry::lab {
namespace {

using namespace kernel;  // NOLINT: this file is about little else.

const CpuEvent* CpuEventOf(const World::Pending& pending) {
  return std::get_if<CpuEvent>(&pending.message->event);
}

bool IsDeviceIrq(const World::Pending& pending) {
  const CpuEvent* event = CpuEventOf(pending);
  return event != nullptr && std::holds_alternative<DeviceIrq>(*event);
}

// Whether the CPU may still be interrupted, and so make a call.
bool InterruptsLeft(const World& world, std::uint32_t cpu) {
  if (world.cpu(cpu).device_irqs() > 0) return true;
  const auto& pending = world.pending();
  return std::any_of(pending.begin(), pending.end(), [&](const auto& p) {
    return p.lane.to == cpu && IsDeviceIrq(p);
  });
}

// Whether a move to CPU `cpu` may be taken at once; one rule for each event.
struct UrgentRules {
  const World& world;
  const CpuhpTable& steps;
  std::uint32_t from;
  std::uint32_t cpu;
  bool victim;
  bool may_drop;
  // Whether a doorbell is latched or flags its target is decided by where the
  // target stands: then what it does itself does not commute with doorbells.
  bool may_poll() const {
    return world.options().profile.ring_rule == RingRule::kWasEmptyOrPolling;
  }

  // What nobody waits for: it takes an answer from the target's memory, which
  // is read only when a link has broken.
  bool operator()(const Confirmed&) const { return true; }
  // Sets a mark that is read only when a link has broken.
  bool operator()(const Latched&) const { return true; }
  // A handler runs with interrupts off, from a list that is its own: whatever
  // else reaches the CPU waits for its end. But for a late one, after which the
  // CPU looks once more for a doorbell before it dies; and where doorbells are
  // prompt: what is latched at the handler's end may then be masked by a state
  // that came before, and may not by one that comes after.
  bool operator()(const FunctionReturned&) const {
    const auto& drain = world.cpu(cpu).drain();
    return drain && drain->context != Context::kLate && !may_poll() &&
           !world.options().prompt_doorbells;
  }
  // Frees the csd of a call that nobody waits for. Its guard went before.
  bool operator()(const Done& e) const {
    const auto peer = world.cpu(cpu).peers().find(CpuId{from});
    if (peer == world.cpu(cpu).peers().end()) return false;
    const Outgoing* call = peer->second.out.Find(e.seq);
    return call != nullptr && !call->wait && !call->holds_guard;
  }
  // Wakes the task that walks: what it does is a RunStep.
  bool operator()(const WalkSteps&) const { return true; }
  // Without a callback that calls, a step is book-keeping.
  bool operator()(const RunStep& e) const {
    const auto& walk = world.cpu(cpu).walk();
    const CpuhpStep* step = steps.Find(e.step);
    if (!walk || step == nullptr) return false;
    const bool up = walk->request.from < walk->request.to;
    return (up ? step->startup : step->teardown) != StepAction::kCallTarget;
  }
  // It reads what the CPU's own devices have raised. (A last report races with
  // the order to switch the CPU off.)
  bool operator()(const RunStage& e) const {
    return e.stage == OfflineStage::kFixupIrqs && !InterruptsLeft(world, cpu);
  }
  // Between reset and view the CPU is nobody's target of a decision, and takes
  // no interrupt.
  bool operator()(const BringOnline&) const { return true; }
  // A view is read by a CPU that is about to call.
  bool operator()(const SetView&) const {
    return victim ? !may_poll() : !InterruptsLeft(world, cpu);
  }
  // Without interrupts to come a sender acts on states and drops guards in any
  // order to the same end. And one that stands masked does nothing but act on
  // the next state. (The victim's part decides what becomes of its queue. But
  // under a stop lease RUN makes it look at the clock, which is a move of its
  // own, and CONFIRM asks for what it has done.)
  bool operator()(const StopPublish& e) const {
    if (victim) {
      return world.options().profile.stop_lease == StopLease::kHeld &&
             (e.state == MultiStopState::kRun ||
              e.state == MultiStopState::kConfirm);
    }
    const bool masked =
        world.cpu(cpu).irqs_masked() && e.state != MultiStopState::kPrepare;
    return masked || !InterruptsLeft(world, cpu);
  }
  bool operator()(const Enqueued&) const {
    return !victim && !InterruptsLeft(world, cpu);
  }
  // Where doorbells are prompt nothing else moves at the target meanwhile. But
  // one that may be dropped has two ways to go.
  bool operator()(const Doorbell&) const {
    return world.options().prompt_doorbells && !may_drop;
  }
  bool operator()(const IrqEntry&) const {
    return world.options().prompt_doorbells;
  }
  bool operator()(const IdleExit&) const {
    return world.options().prompt_doorbells;
  }
  template <typename Other>
  bool operator()(const Other&) const {
    return false;
  }
};

}  // namespace

// All that reaches the coordinator may be told at once: it waits for all
// answers that it has asked for, whatever their order, and nobody else sends on
// its links.
bool Reduction::IsUrgent(const World& world,
                         const World::Pending& pending) const {
  const Lane& lane = pending.lane;
  if (lane.to_coordinator()) return true;
  if (lane.kind == Lane::Kind::kAttach) return false;
  return std::visit(UrgentRules{world, steps_, lane.from, lane.to,
                                lane.to == victim_, world.dropped() < drops_},
                    *CpuEventOf(pending));
}

std::optional<Move> Reduction::Urgent(const World& world,
                                      const std::vector<Move>& enabled) const {
  for (const Move move : enabled) {
    if (IsUrgent(world, world.pending()[move.place])) return move;
  }
  return std::nullopt;
}

void Reduction::DropUntakeable(const World& world,
                               std::vector<Move>* enabled) const {
  std::erase_if(*enabled, [&](Move move) {
    const World::Pending& p = world.pending()[move.place];
    if (!IsDeviceIrq(p)) return false;
    const Cpu& cpu = world.cpu(p.lane.to);
    return cpu.life() != Life::kOnline || cpu.irqs_masked() || cpu.drain();
  });
}

}  // namespace belfry::lab
