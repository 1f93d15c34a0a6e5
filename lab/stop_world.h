// stop_machine under the worst of networks, as a value: real kernel::Cpus and
// real kernel::Coordinators, and between them nothing but a set of messages.
// Whatever was sent may come at any time, in any order, again and again, or
// never; coordinators may be taken over from while they only pause; a process
// may stand still between any two of its steps, so that a lease may run out at
// any time.
//
// lab::World offers what the real wire can do, and no more; the stop lease is
// held against more than that, for what it promises is not to hang on the wire.
#ifndef BELFRY_LAB_STOP_WORLD_H_
#define BELFRY_LAB_STOP_WORLD_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "kernel/coordinator.h"
#include "kernel/cpu.h"
#include "kernel/invariants.h"
#include "lab/fingerprint.h"
#include "lab/message.h"
#include "lab/shared.h"

namespace belfry::lab {

struct StopScope {
  kernel::Profile profile;
  std::uint32_t cpus = 3;
  // One after another, from a machine whose CPUs are all online.
  std::vector<kernel::Request> requests;
  // So many of them have ended when it begins, and what was sent for them may
  // still come.
  std::uint32_t settled = 0;
  // Whether a process may stand still between any two of its steps. Else a
  // lease runs out only when every window is over that was opened before it,
  // and what an active CPU does when it has looked at the clock takes no time.
  bool pauses = true;
  // So many leases, and windows of CPUs that pause, run out; the coordinators'
  // clocks tick so often; so many coordinators are taken over from.
  std::uint32_t leases = 1;
  std::uint32_t ticks = 0;
  std::uint32_t takeovers = 0;
  // So many processes of CPUs die. Nobody calls a CPU then.
  std::uint32_t deaths = 0;
  // Calls to the CPU that goes, made by one that has left the round.
  std::uint32_t calls = 0;
};

class StopMemo;

class StopWorld {
 public:
  // The first request is about to begin its first round.
  StopWorld(const StopScope& scope, StopMemo& memo);

  // What can happen next, in an order of its own.
  struct Move {
    enum class Kind : std::uint8_t {
      kDeliver,    // mail_->sent[index], to a CPU, or to coordinator `at`
      kCpuOwes,    // what CPU `at` owes itself, by index
      kOwes,       // what coordinator `at` owes itself, by index
      kLeaseOver,  // of CPU `at`
      kTick,       // of coordinator `at`
      kTakeOver,
      kDie,   // CPU `at`
      kCall,  // of CPU `at`
    };
    Kind kind{};
    std::uint32_t at = 0;
    std::uint32_t index = 0;
  };
  std::vector<Move> Moves() const;
  void Apply(Move move, StopMemo& memo);
  // It delivers a message that is answered, and nothing else.
  bool ChangesNothing(Move move, StopMemo& memo) const;
  // Makes all moves that change nothing.
  void FindAnswers(StopMemo& memo);
  std::string TextOf(Move move) const;

  // What is broken so far, as the invariants' names and a few words each.
  const kernel::Violations& violations() const { return violations_; }
  // All messages delivered, all clocks running, nothing more goes wrong:
  // whether every round has ended, at every CPU, and nothing waits.
  bool ComesToRest(StopMemo& memo) const;

  using Event = std::variant<kernel::CpuEvent, kernel::CoordinatorEvent>;
  struct Sent {
    // Of the CPU that it goes to; nothing: to whichever coordinator.
    std::optional<kernel::CpuId> to;
    Event event;

    template <typename F>
    friend F AbslHashValue(F f, const Sent& s) {
      return F::combine(std::move(f), s.to, s.event);
    }
  };
  // All that was ever sent, by fingerprint.
  struct Mail {
    std::vector<Shared<Sent>> sent;

    template <typename F>
    friend F AbslHashValue(F f, const Mail& m) {
      for (const auto& one : m.sent) {
        f = F::combine(std::move(f), one.fingerprint());
      }
      return f;
    }
  };

  // Of all but the mail.
  Digest fingerprint() const;
  // In the order of their fingerprints.
  const Shared<Mail>& mail() const { return mail_; }

 private:
  // What is no machine and no message.
  struct Rest {
    kernel::Recovery journal;
    std::vector<std::vector<kernel::CpuEvent>> cpu_owes;
    std::vector<std::vector<kernel::CoordinatorEvent>> owes;
    // By CPU: the round that it holds a lease for, and whose windows were open
    // when it last read the clock for it. Not the time, but what came first.
    struct Lease {
      kernel::Generation generation;
      std::set<std::uint32_t> windows_before;

      friend bool operator==(const Lease&, const Lease&) = default;
      template <typename H>
      friend H AbslHashValue(H h, const Lease& l) {
        return H::combine(std::move(h), l.generation, l.windows_before);
      }
    };
    std::map<std::uint32_t, Lease> leases;
    // By CPU: the round, and whether the window is over.
    std::map<std::uint32_t, std::pair<kernel::Generation, bool>> windows;
    // CPUs whose windows were open at the last tick but one, and at the last,
    // of the coordinator in office.
    std::set<std::uint32_t> windows_two_ticks_ago;
    std::set<std::uint32_t> windows_a_tick_ago;
    // Coordinators that the journal has refused; operations that it has seen.
    std::set<std::uint32_t> fenced;
    std::set<kernel::OpId> begun;
    // CPUs whose processes have died.
    std::set<std::uint32_t> dead;
    std::uint32_t leases_left = 0;
    std::uint32_t ticks_left = 0;
    std::uint32_t takeovers_left = 0;
    std::uint32_t deaths_left = 0;
    std::uint32_t calls_left = 0;
    // Rounds in whose effect somebody was not stopped; that were committed;
    // that were aborted; and every view that was journaled.
    std::set<std::uint64_t> unstopped;
    std::set<std::uint64_t> committed;
    std::set<std::uint64_t> aborted;
    std::map<std::uint64_t, kernel::CpuMask> views;
    // The operation that a round is of; those whose functions have begun.
    std::map<std::uint64_t, kernel::OpId> rounds;
    std::set<kernel::OpId> ran;

    template <typename H>
    friend H AbslHashValue(H h, const Rest& r) {
      h = H::combine(std::move(h), r.journal, r.cpu_owes, r.owes, r.leases,
                     r.windows, r.windows_two_ticks_ago, r.windows_a_tick_ago,
                     r.fenced, r.begun, r.dead);
      return H::combine(std::move(h), r.leases_left, r.ticks_left,
                        r.takeovers_left, r.deaths_left, r.calls_left,
                        r.unstopped, r.committed, r.aborted, r.views, r.rounds,
                        r.ran);
    }
  };

  using AtOnce = std::deque<std::pair<kernel::CpuId, kernel::CpuEvent>>;
  struct CpuHands;
  struct CoordinatorHands;
  struct OnlySends;

  // One event to one machine, and what it does at once: calls and answers, and
  // where nobody pauses all that the CPU owes itself.
  void StepCpu(std::uint32_t cpu, const kernel::CpuEvent& event,
               StopMemo& memo);
  void Deliver(const Shared<Sent>& sent, std::uint32_t at, StopMemo& memo);
  // By CPU; none where nobody asks.
  std::set<std::uint32_t> OpenWindows() const;
  void StepCoordinator(std::uint32_t at, const kernel::CoordinatorEvent& event,
                       StopMemo& memo);
  void Send(std::optional<kernel::CpuId> to, Event event);
  void RunOutLease(std::uint32_t cpu, StopMemo& memo);
  void Tick(std::uint32_t at, StopMemo& memo);
  void TakeOver(StopMemo& memo);
  void Die(std::uint32_t cpu);
  void Call(std::uint32_t cpu, StopMemo& memo);
  bool Settle(absl::FunctionRef<bool()> done, StopMemo& memo);
  std::optional<Move> FirstOwed() const;
  // An active CPU that has begun the effect of its round.
  static bool HasEffect(const kernel::Cpu& cpu);
  void JudgeEffects(std::optional<kernel::CpuId> begun_by);
  void JudgeViews();
  void JudgeFunction(std::uint64_t round);
  void JudgeJournal(const kernel::JournalLeg& leg);
  void JudgeView(const kernel::View& written);
  void Report(kernel::Invariant invariant, std::optional<kernel::CpuId> cpu,
              std::string what);
  bool Lives(std::uint32_t cpu) const { return !rest_->dead.contains(cpu); }
  std::vector<const kernel::Cpu*> Living() const;
  bool IsAtRest() const;

  Shared<StopScope> scope_;
  std::vector<Shared<kernel::Cpu>> cpus_;
  // In the order of their epochs: the last is the one in office.
  std::vector<Shared<kernel::Coordinator>> coordinators_;
  Shared<Mail> mail_;
  Shared<Rest> rest_;
  kernel::Violations violations_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_STOP_WORLD_H_
