// A small machine in memory, as a value: real kernel::Cpus and a real
// kernel::Coordinator, and between them lanes of messages. Simulator, explorer
// and tests share it. It offers what the real wire can do, and no more: links
// are in order, and may break and then lose a tail; doorbells, and what a CPU
// owes itself, come in any order.
//
// It says what can move, and moves what it is told to. Who picks the next move
// (a seed, all of them in turn, a schedule) and who judges what happened are
// others: see lab/seeded_world.h, lab/explorer.h, lab/referee.h.
#ifndef BELFRY_LAB_WORLD_H_
#define BELFRY_LAB_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "kernel/coordinator.h"
#include "kernel/cpu.h"
#include "kernel/invariants.h"
#include "lab/fingerprint.h"
#include "lab/message.h"
#include "lab/shared.h"

namespace belfry::lab {

class StepCache;

// Told of every message that is put on its way, for who gives them times.
using OnPost = std::function<void(const Lane&, const Shared<Message>&)>;

// For who has times: when a CPU read the clock to open its window in a round,
// and whether that window is open still.
struct WindowClock {
  std::function<void(kernel::CpuId, kernel::Generation)> open;
  std::function<bool(kernel::CpuId, kernel::Generation)> is_open;
};

struct WorldOptions {
  kernel::Profile profile;
  std::uint32_t cpus = 4;
  bool split_doorbell = false;
  std::size_t queue_capacity = 65536;
  // A doorbell that is on the wire arrives, and where interrupts are enabled is
  // taken, before its target is told anything else. Else it may be overtaken by
  // all else.
  bool prompt_doorbells = false;
  // May be empty. Copies of a world share it.
  OnPost on_post;
  // Nothing: time stands still for stop_machine. No lease runs out, and every
  // window is open.
  std::optional<WindowClock> windows;
};

// One message to deliver: its place in World::pending().
struct Move {
  std::uint32_t place = 0;
};

// What a move did, for those who judge and draw: no part of the state.
struct Happening {
  // Nobody: the coordinator.
  std::optional<kernel::CpuId> cpu;
  std::variant<kernel::TraceEvent, kernel::CallEnded, kernel::Operation> what;
};
using Happenings = std::vector<Happening>;

// Where chance has a say in a fault (how much of a link's tail is lost):
// answers a number below the bound.
using Choose = std::function<std::uint64_t(std::uint64_t bound)>;

// Whether the message is a doorbell, and whether it is what one leads to: the
// interrupt, or that the idle loop sees the flag.
bool IsDoorbell(const Message& message);
bool IsTaking(const Message& message);

// Copies share what they have in common. A copy belongs to one thread; copies
// of one world may belong to several, once its fingerprint has been asked for.
class World {
 public:
  // All processes run; nothing is attached yet.
  explicit World(WorldOptions options);

  // Brings all CPUs of a new world online, one after another, as `belfry up`
  // does: so calls and views have the numbers that they have on processes.
  // `out` gets what happened; null when nobody asks.
  void Boot(Happenings* out);
  // Makes of a new world what a boot leads to, but for these numbers, without
  // its messages: there are as many as CPUs squared. `out` gets what happened
  // on the CPUs.
  void BootAtOnce(Happenings& out);

  // ---- What happens to the machine. Each is a message that arrives some time.

  kernel::Token Call(std::uint32_t cpu, std::uint32_t dst, bool wait);
  kernel::Token StopTwo(std::uint32_t cpu, std::uint32_t a, std::uint32_t b);
  kernel::Token CallMany(std::uint32_t cpu, kernel::CpuMask cpus, bool wait);
  void DeviceIrq(std::uint32_t cpu, std::uint32_t submitter);
  void Tell(std::uint32_t cpu, kernel::CpuEvent event);
  kernel::OpId Ask(kernel::Request request);
  void TellCoordinator(kernel::CoordinatorEvent event);
  // One round of what only time brings: RecoveryTimeout, Retry, and Overdue for
  // every call that waits.
  void PassTime();

  // ---- Faults, at once.

  // False when there is no such process.
  bool Crash(std::uint32_t cpu, const Choose& choose);
  // False when it runs.
  bool Restart(std::uint32_t cpu);
  // Loses what is on the data link that `from` has opened to `to`, both ways
  // from some point on; it comes up again.
  void BreakData(std::uint32_t from, std::uint32_t to, const Choose& choose);
  void BreakControl(std::uint32_t cpu, const Choose& choose);
  // Of a doorbell that is on its way: it is lost, or it comes twice.
  void DropDoorbell(Move move);
  void RepeatDoorbell(Move move);
  // So many were dropped; a part of the state, for who may drop only so many.
  std::uint32_t dropped() const { return surroundings_->dropped; }
  // Appends the operations that die with it.
  void CrashCoordinator(const Choose& choose, Happenings& out);
  void RestartCoordinator();

  // ---- Gates, by the names of kernel/gate.h.

  static constexpr std::uint32_t kCoordinator = ~0U;
  void Hold(std::uint32_t place, absl::string_view gate);
  void Release(std::uint32_t place, absl::string_view gate);
  // What waits there. It alone waits: what comes behind it on its link passes.
  std::uint32_t WaitingAt(std::uint32_t place, absl::string_view gate) const;
  bool IsHeldAt(std::uint32_t place, absl::string_view gate) const {
    return WaitingAt(place, gate) > 0;
  }

  // ---- Moving.

  struct Pending {
    Lane lane;
    Shared<Message> message;
  };
  // All that is on its way: by lane, and in a bag by fingerprint.
  const std::vector<Pending>& pending() const { return pending_; }
  // What can be delivered next, in the order of pending(). Of equal messages in
  // one bag only the first.
  std::vector<Move> Enabled() const;
  // The same, into a vector that is used again.
  void Enabled(std::vector<Move>* enabled) const;
  // A message that was once posted, as it stands now: nothing when it is gone.
  struct Standing {
    Move move;
    // It can be delivered next.
    bool enabled = false;
  };
  std::optional<Standing> Find(const Lane& lane,
                               const Shared<Message>& message) const;
  // The gate where a message of pending() waits, or would; empty when it passes
  // none.
  std::string GateOf(const Pending& pending) const;
  // Its process is dead, or another one by now, or that of its sender is:
  // nobody will be told of it. A link belongs to two processes, and dies with
  // either.
  bool IsStale(const Pending& pending) const {
    return !HasItsTarget(pending) || !HasItsSource(pending);
  }
  // The half of it: the process that it was sent to runs.
  bool HasItsTarget(const Pending& pending) const;
  // Delivers it. `out` gets what happened, in order; null when nobody asks.
  // With a cache, which remembers happenings if they are asked for, the world
  // borrows from it; nobody is told of posts.
  void Apply(Move move, Happenings* out, StepCache* cache = nullptr);
  // A copy for who does not outlive this world.
  World Borrowed() const;

  // ---- Looking.

  const WorldOptions& options() const { return *options_; }
  bool alive(std::uint32_t cpu) const {
    return cpu < cpus_.size() && static_cast<bool>(cpus_[cpu]);
  }
  const kernel::Cpu& cpu(std::uint32_t n) const { return *cpus_.at(n); }
  // Those whose processes live.
  std::vector<const kernel::Cpu*> Living() const;
  // Its control link is up.
  bool attached(std::uint32_t cpu) const {
    return surroundings_->attached.contains({cpu});
  }
  // What the journal holds, and the leg that is written, perhaps, and not
  // confirmed.
  const kernel::Recovery& record() const { return surroundings_->record; }
  const std::optional<kernel::Recovery>& unconfirmed() const {
    return surroundings_->unconfirmed;
  }
  bool coordinator_up() const { return static_cast<bool>(coordinator_); }
  const kernel::Coordinator& coordinator() const { return *coordinator_; }
  kernel::Coordinator& MutableCoordinator() { return coordinator_.Mutable(); }
  // Every doorbell that is sent and has not arrived.
  kernel::DoorbellsInFlight DoorbellsInFlight() const;

  // Equal worlds have equal fingerprints, whatever their histories.
  Digest fingerprint() const;
  friend bool operator==(const World& a, const World& b) {
    return a.fingerprint() == b.fingerprint();
  }
  // Of the world that this one is when it is renamed by one of these, which are
  // always the same ones for one world and its copies.
  Digest fingerprint(std::span<const Renaming> renamings,
                     std::size_t which) const;

  // ---- What StepCache remembers.

  // The part of a world that is neither machine nor message: it changes seldom.
  struct Surroundings {
    std::map<kernel::CpuId, kernel::Incarnation> incarnations;
    std::set<kernel::CpuId> attached;
    // Data links that broke, and whose source has not been told that they are
    // up.
    std::set<std::pair<kernel::CpuId, kernel::CpuId>> broken;
    // By CPU, or kCoordinator.
    std::set<std::pair<kernel::CpuId, std::string>> held;
    // The journal, and the leg that is written, perhaps, and not confirmed.
    kernel::Recovery record;
    std::optional<kernel::Recovery> unconfirmed;
    bool recovery_timeout_due = false;
    kernel::Token last_token = 0;
    std::uint32_t last_op = 0;
    std::uint32_t dropped = 0;

    template <typename H>
    friend H AbslHashValue(H h, const Surroundings& s) {
      return H::combine(std::move(h), s.incarnations, s.attached, s.broken,
                        s.held, s.record, s.unconfirmed, s.recovery_timeout_due,
                        s.last_token, s.last_op, s.dropped);
    }
  };

  // What a delivery does: the machine that got the message (the other is
  // nothing) and the surroundings as they are then, and what is on its way now.
  struct Step {
    Shared<kernel::Cpu> cpu;
    Shared<kernel::Coordinator> coordinator;
    Shared<Surroundings> surroundings;
    std::vector<Pending> posted;
    Happenings happened;
  };

 private:
  using Processes = std::shared_ptr<const std::vector<kernel::Incarnation>>;

  kernel::Cpu NewCpu(std::uint32_t cpu, Processes processes) const;
  // The first of what can move, until nothing can: calls come before doorbells.
  void RunToRest(Happenings* out);
  void Post(const Lane& lane, Message message);
  void Insert(Pending pending);
  bool Has(const Lane& lane) const;
  bool StandsAtGate(const Pending& pending) const;
  bool CanDeliver(const Pending& pending) const;
  bool HasItsSource(const Pending& pending) const;
  void Deliver(const Pending& taken, Happenings* out);
  Step StepOf(const Pending& taken) const;
  Digest StepKey(const Pending& taken) const;
  void Greet(kernel::CpuId id, const Pending& arrived);
  void StepCpu(kernel::CpuId id, const kernel::CpuEvent& event);
  void StepCoordinator(const kernel::CoordinatorEvent& event);
  void Write(const std::function<void(kernel::Recovery&)>& change);
  void PostConfirmed(kernel::CpuId id, kernel::CpuId dst);
  void Attach(kernel::CpuId id);
  void LoseTail(const Lane& lane, const Choose& choose);
  void EraseLanes(const std::function<bool(const Lane&)>& which);
  kernel::Incarnation IncarnationSeenBy(kernel::CpuId cpu,
                                        kernel::CpuId peer) const;
  void Note(std::optional<kernel::CpuId> cpu, Happening what);

  // One for each effect.
  void Do(kernel::CpuId cpu, const kernel::SendEnqueue& e);
  void Do(kernel::CpuId cpu, const kernel::SendEnqueued& e);
  void Do(kernel::CpuId cpu, const kernel::SendDone& e);
  void Do(kernel::CpuId cpu, const kernel::SendRing& e);
  void Do(kernel::CpuId cpu, const kernel::RingSelf& e);
  void Do(kernel::CpuId cpu, const kernel::SendLatched& e);
  void Do(kernel::CpuId cpu, const kernel::RaiseIrq& e);
  void Do(kernel::CpuId cpu, const kernel::WakeIdle& e);
  void Do(kernel::CpuId cpu, const kernel::RunFunction& e);
  void Do(kernel::CpuId cpu, const kernel::NextStep& e);
  void Do(kernel::CpuId cpu, const kernel::WakeStopper& e);
  void Do(kernel::CpuId cpu, const kernel::HoldLease& e);
  void Do(kernel::CpuId cpu, const kernel::OpenWindow& e);
  void Do(kernel::CpuId cpu, const kernel::LookAtWindow& e);
  void Do(kernel::CpuId cpu, const kernel::SendStopTwo& e);
  void Do(kernel::CpuId cpu, const kernel::SendStopTwoReport& e);
  void Do(kernel::CpuId cpu, const kernel::NextStage& e);
  void Do(kernel::CpuId, const kernel::CallQueued&) {}
  void Do(kernel::CpuId cpu, const kernel::CallEnded& e);
  void Do(kernel::CpuId cpu, const kernel::Tell& e);
  void Do(kernel::CpuId cpu, const kernel::Trace& e);
  void Do(const kernel::JournalLeg& e);
  void Do(const kernel::JournalView& e);
  void Do(const kernel::TellCpu& e);
  void Do(const kernel::AdvanceStop& e);
  void Do(const kernel::StartStopTick& e);
  void Do(const kernel::AwaitReaders& e);
  void Do(const kernel::StartHandoff&) {}
  void Do(const kernel::OpEnded& e);
  void Do(const kernel::CoordinatorTrace& e);

  // Constant after construction.
  Shared<WorldOptions> options_;

  // By number; nothing where there is no process.
  std::vector<Shared<kernel::Cpu>> cpus_;
  Shared<kernel::Coordinator> coordinator_;
  std::vector<Pending> pending_;
  Shared<Surroundings> surroundings_;

  // Of the move under way only.
  Happenings* happenings_ = nullptr;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_WORLD_H_
