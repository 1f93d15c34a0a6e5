// A small machine in memory: real kernel::Cpus and a real kernel::Coordinator,
// and between them lanes of messages that arrive when the seed, or a test's
// gates, will have it. Lanes are FIFO, as links are; doorbells, and what a CPU
// owes itself, have a lane each, and so come in any order.
#ifndef BELFRY_TESTS_SUPPORT_WORLD_H_
#define BELFRY_TESTS_SUPPORT_WORLD_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "kernel/coordinator.h"
#include "kernel/cpu.h"
#include "kernel/invariants.h"
#include "kernel/ledger.h"

namespace belfry::testing {

struct WorldOptions {
  kernel::Profile profile;
  std::uint32_t cpus = 4;
  std::uint64_t seed = 0;
  bool split_doorbell = false;
  std::size_t queue_capacity = 65536;
  // Of ten chances that a doorbell has to arrive, so many pass unused.
  int doorbell_lateness = 0;
};

class World {
 public:
  // Nothing is attached yet; BootAll() makes a machine of it.
  explicit World(WorldOptions options);

  // Attaches every CPU and brings all of them online.
  void BootAll();

  // ---- What happens to the machine. Each is a message that arrives some time.

  kernel::Token Call(std::uint32_t cpu, std::uint32_t dst, bool wait);
  void DeviceIrq(std::uint32_t cpu, std::uint32_t submitter);
  void Tell(std::uint32_t cpu, kernel::CpuEvent event);
  kernel::OpId Ask(kernel::Request request);
  kernel::OpId Online(std::uint32_t cpu);
  kernel::OpId Offline(std::uint32_t cpu);
  void TellCoordinator(kernel::CoordinatorEvent event);

  // ---- Faults, at once.

  void Crash(std::uint32_t cpu);
  void Restart(std::uint32_t cpu);
  // Loses what is on the data link that `from` has opened to `to`, both ways
  // from some point on; it comes up again.
  void BreakData(std::uint32_t from, std::uint32_t to);
  void BreakControl(std::uint32_t cpu);
  void CrashCoordinator();
  void RestartCoordinator();

  // ---- Gates, by the names of kernel/gate.h.

  static constexpr std::uint32_t kCoordinator = ~0U;
  void Hold(std::uint32_t place, absl::string_view gate);
  void Release(std::uint32_t place, absl::string_view gate);
  // Whether something waits there.
  bool IsHeldAt(std::uint32_t place, absl::string_view gate);

  // ---- Running.

  // Delivers one message that the seed chooses; false if there is none.
  bool Step();
  // Until nothing moves any more.
  void Run();
  // True as soon as `done` is.
  bool RunUntil(const std::function<bool()>& done);
  // One round of what only time brings: RecoveryTimeout, Retry, and Overdue for
  // every call that waits.
  void PassTime();
  // Run() and PassTime() until neither changes anything.
  void Settle();

  // ---- Looking.

  bool alive(std::uint32_t cpu) const { return cpus_.contains({cpu}); }
  const kernel::Cpu& cpu(std::uint32_t n) const { return *cpus_.at({n}); }
  const kernel::Ledger& ledger(std::uint32_t n) const {
    return ledgers_.at({n});
  }
  bool coordinator_up() const { return coordinator_.has_value(); }
  kernel::Coordinator& coordinator() { return *coordinator_; }
  // How operations and calls have ended.
  const std::map<kernel::OpId, kernel::Operation>& ended_ops() const {
    return ended_ops_;
  }
  const std::map<kernel::Token, kernel::CallEnded>& ended_calls() const {
    return ended_calls_;
  }
  // Every doorbell that is sent and has not arrived.
  kernel::DoorbellsInFlight DoorbellsInFlight() const;
  // What the invariants say of the machine as it stands and of its history.
  kernel::Violations Check() const;
  // The names of what was ever violated, with what was said first of each.
  const std::map<kernel::Invariant, std::string>& violated() const {
    return violated_;
  }
  // Call after every Step() to fill violated(); at the end with `at_rest`.
  void Judge(bool at_rest = false);
  // The trace, one line an event; the coordinator is "cpu -1".
  const std::string& trace() const { return trace_; }
  std::size_t deliveries() const { return deliveries_; }

 private:
  enum class Kind : std::uint8_t {
    kData,     // calls: from -> to
    kReply,    // their acknowledgements and answers: to -> from
    kRing,     // one doorbell
    kSelf,     // what a CPU owes itself, tasks, devices
    kControl,  // coordinator -> CPU
    kUp,       // CPU -> coordinator
    kAttach,   // a control link that is not up
    kDriver,   // journal, publish, requests
  };
  struct Lane {
    Kind kind{};
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    std::uint64_t number = 0;

    friend auto operator<=>(const Lane&, const Lane&) = default;
  };
  struct Message {
    std::variant<kernel::CpuEvent, kernel::CoordinatorEvent> event;
    // The processes that it goes between; 0 for any.
    kernel::Incarnation from;
    kernel::Incarnation to;
    // The effect's gate, for what is not gated as an event.
    std::string gate;
  };
  struct Journal {
    kernel::Recovery record;
    // The leg that is written, perhaps, and not confirmed.
    std::optional<kernel::Recovery> unconfirmed;
  };

  std::uint64_t Random(std::uint64_t bound);
  Lane Own(Kind kind, std::uint32_t from, std::uint32_t to);
  std::string GateOf(const Lane& lane, const Message& message) const;
  bool Enabled(const Lane& lane, const Message& message) const;
  void Deliver(Lane lane);
  void StepCpu(kernel::CpuId id, kernel::CpuEvent event);
  void StepCoordinator(kernel::CoordinatorEvent event);
  void Write(const std::function<void(kernel::Recovery&)>& change);
  void Attach(kernel::CpuId id);
  void LoseTail(const Lane& lane);
  void EraseLanes(const std::function<bool(const Lane&)>& which);
  kernel::Incarnation IncarnationSeenBy(kernel::CpuId cpu,
                                        kernel::CpuId peer) const;
  std::vector<const kernel::Cpu*> Living() const;
  void Record(std::int64_t cpu, const kernel::TraceEvent& event);

  // One for each effect.
  void Do(kernel::CpuId cpu, kernel::SendEnqueue& e);
  void Do(kernel::CpuId cpu, kernel::SendEnqueued& e);
  void Do(kernel::CpuId cpu, kernel::SendDone& e);
  void Do(kernel::CpuId cpu, kernel::SendRing& e);
  void Do(kernel::CpuId cpu, kernel::RingSelf& e);
  void Do(kernel::CpuId cpu, kernel::SendLatched& e);
  void Do(kernel::CpuId cpu, kernel::RaiseIrq& e);
  void Do(kernel::CpuId cpu, kernel::RunFunction& e);
  void Do(kernel::CpuId cpu, kernel::NextStep& e);
  void Do(kernel::CpuId, kernel::CallQueued&) {}
  void Do(kernel::CpuId cpu, kernel::CallEnded& e);
  void Do(kernel::CpuId cpu, kernel::Tell& e);
  void Do(kernel::CpuId cpu, kernel::Trace& e);
  void Do(kernel::JournalLeg& e);
  void Do(kernel::JournalView& e);
  void Do(kernel::TellCpu& e);
  void Do(kernel::AdvanceStop& e);
  void Do(kernel::StartHandoff&) {}
  void Do(kernel::OpEnded& e);
  void Do(kernel::CoordinatorTrace& e);

  WorldOptions options_;
  std::uint64_t random_;
  std::map<kernel::CpuId, std::unique_ptr<kernel::Cpu>> cpus_;
  std::map<kernel::CpuId, kernel::Ledger> ledgers_;
  std::map<kernel::CpuId, std::uint64_t> incarnations_;
  std::set<kernel::CpuId> attached_;
  // Data links that broke, and whose source has not been told that they are up.
  std::set<std::pair<std::uint32_t, std::uint32_t>> broken_;
  std::optional<kernel::Coordinator> coordinator_;
  Journal journal_;
  bool recovery_timeout_due_ = false;
  std::map<Lane, std::deque<Message>> lanes_;
  std::set<std::pair<std::uint32_t, std::string>> held_;
  std::uint64_t lane_number_ = 0;
  kernel::Token last_token_ = 0;
  std::uint32_t last_op_ = 0;
  std::map<kernel::OpId, kernel::Operation> ended_ops_;
  std::map<kernel::Token, kernel::CallEnded> ended_calls_;
  kernel::TraceObserver observer_;
  std::map<kernel::Invariant, std::string> violated_;
  std::string trace_;
  std::size_t deliveries_ = 0;
};

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_WORLD_H_
