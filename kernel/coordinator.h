// The coordinator's machine, as a value: it owns the online mask and its
// number, the hotplug lock with those who wait for it, the walk over the
// hotplug steps and the stop_machine barrier. It is no CPU: the steps run on
// CPUs.
//
// An offline, end to end (legs are journaled before what they begin):
//
//   ap        control CPU or the CPU itself walks `online` .. `cpu:teardown`
//   takedown  PREPARE, DISABLE_IRQ, RUN at every online CPU; the victim takes
//             itself down in RUN
//   commit    the view without it is decided; EXIT carries it to everybody
//   dead      the CPU has reported its death; control walks down to `offline`
#ifndef BELFRY_KERNEL_COORDINATOR_H_
#define BELFRY_KERNEL_COORDINATOR_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "kernel/coordinator_event.h"
#include "kernel/cpuhp.h"
#include "kernel/hotplug_lock.h"
#include "kernel/multi_stop.h"
#include "kernel/profile.h"

namespace belfry::kernel {

// What the coordinator knows of one possible CPU.
struct CpuRecord {
  // Of the process that has the number now; 0 when none has.
  Incarnation incarnation;
  // Its process died while it was not parked, and none has come since.
  bool crashed = false;
  CpuhpState state = kCpuhpOffline;
  // The step that will fail once.
  CpuhpState fail = kCpuhpInvalid;
  // A handshake timed out: the CPU may or may not run. No boot (EAGAIN) until
  // its process says what it is.
  bool limbo = false;

  friend bool operator==(const CpuRecord&, const CpuRecord&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const CpuRecord& r) {
    return H::combine(std::move(h), r.incarnation, r.crashed, r.state, r.fail,
                      r.limbo);
  }
};

// What a journal holds for a coordinator that comes back.
struct Recovery {
  // Of the coordinator that reads it.
  Epoch epoch;
  View view;
  Generation last_generation;
  // With their incarnations: a CPU that has none here is held for dead.
  std::map<CpuId, CpuRecord> cpus;
  // The operation that had not ended.
  std::optional<Operation> op;

  friend bool operator==(const Recovery&, const Recovery&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Recovery& r) {
    return H::combine(std::move(h), r.epoch, r.view, r.last_generation, r.cpus,
                      r.op);
  }
};

// A value: copy, compare and hash it. Not thread-safe; its driver owns it.
// Comparison and hash cover all that a later event can meet.
class Coordinator {
 public:
  // `possible` CPUs have the numbers 0 .. possible - 1.
  Coordinator(Profile profile, std::uint32_t possible, Recovery recovery = {});

  // The only verb. Total: what is stale, repeated or unknown changes nothing.
  void Step(CoordinatorEvent event, CoordinatorEffects& out);

  // Writes a CPU's `fail` file. kEinval as the kernel's write_cpuhp_fail().
  Errno SetFail(CpuId cpu, CpuhpState step);

  const Profile& profile() const { return profile_; }
  const CpuhpTable& table() const { return table_; }
  std::uint32_t possible() const { return possible_; }
  CpuMask present() const;
  const View& view() const { return view_; }
  const std::map<CpuId, CpuRecord>& cpus() const { return cpus_; }
  // The operation that holds the hotplug lock, and those behind it.
  const std::optional<Operation>& current() const { return op_; }
  const std::deque<Operation>& queued() const { return queued_; }
  const std::optional<MultiStop>& stop() const { return stop_; }
  // CPUs that the current leg waits for, outside of a stop.
  CpuMask waiting_for() const;
  // And for what: "walk", "grace_period", ...; "" for nothing of the kind.
  absl::string_view awaits() const;
  const HotplugLock& lock() const { return lock_; }
  bool recovering() const { return recovering_; }
  Generation last_generation() const { return last_generation_; }
  Epoch epoch() const { return epoch_; }

  friend bool operator==(const Coordinator&, const Coordinator&);
  template <typename H>
  friend H AbslHashValue(H h, const Coordinator& c) {
    h = H::combine(std::move(h), c.view_, c.cpus_, c.op_, c.queued_, c.await_,
                   c.walk_, c.walker_, c.death_, c.target_lost_);
    return H::combine(std::move(h), c.stop_, c.view_missing_,
                      c.last_generation_, c.recovering_, c.recovered_, c.lock_,
                      c.readers_, c.epoch_, c.ticks_, c.give_back_,
                      c.may_have_run_);
  }

  // Operations that may wait for the hotplug lock; one more is refused (EBUSY).
  static constexpr std::size_t kQueuedMax = 64;
  // Rounds of stop_machine that an operation may begin: one that a CPU was too
  // slow for is tried again. A CPU that stands still spoils two rounds at most,
  // the one that it stands still in, and the next, which waits for it in
  // PREPARE until the active CPU's window is over. So two such pauses in a row
  // leave one round in which all goes well; who is slower than that is told.
  static constexpr std::uint32_t kRoundsMax = 5;

 private:
  // What the current leg waits for, besides a barrier or views.
  enum class Await : std::uint8_t {
    kNothing,
    kJournal,
    kWalk,
    kAlive,
    kStarting,
    kDead,
    kGracePeriod,
    kReaders,
    kGiveBack,
  };
  // Of one CPU: tasks that hold the hotplug lock, or want to.
  struct ReadersOf {
    std::uint32_t wanted = 0;
    std::uint32_t granted = 0;

    friend bool operator==(const ReadersOf&, const ReadersOf&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const ReadersOf& r) {
      return H::combine(std::move(h), r.wanted, r.granted);
    }
  };
  // What the victim has said of its death.
  enum class Death : std::uint8_t { kNone, kAnnounced, kReported };

  void On(Request& e, CoordinatorEffects& out);
  void On(CancelOp& e, CoordinatorEffects& out);
  void On(Attached& e, CoordinatorEffects& out);
  void On(ProcessLost& e, CoordinatorEffects& out);
  void On(FromCpuEvent& e, CoordinatorEffects& out);
  void On(Journaled& e, CoordinatorEffects& out);
  void On(PublishState& e, CoordinatorEffects& out);
  void On(StopTick& e, CoordinatorEffects& out);
  void On(SleepOnLock& e, CoordinatorEffects& out);
  void On(HandoffTimeout& e, CoordinatorEffects& out);
  void On(RecoveryTimeout& e, CoordinatorEffects& out);

  void Heard(CpuId cpu, StopAck& m, CoordinatorEffects& out);
  void Heard(CpuId cpu, StopAborted& m, CoordinatorEffects& out);
  void Heard(CpuId cpu, StepsDone& m, CoordinatorEffects& out);
  void Heard(CpuId cpu, Alive& m, CoordinatorEffects& out);
  void Heard(CpuId cpu, StartingDone& m, CoordinatorEffects& out);
  void Heard(CpuId cpu, ViewAck& m, CoordinatorEffects& out);
  void Heard(CpuId cpu, Dead& m, CoordinatorEffects& out);
  void Heard(CpuId cpu, Readers& m, CoordinatorEffects& out);

  // Operations (coordinator.cc).
  bool Admit(Operation& op, CoordinatorEffects& out);
  Errno CheckOnline(Operation& op) const;
  Errno CheckOffline(Operation& op) const;
  Errno CheckStop(Operation& op) const;
  Errno ChooseControl(Operation& op) const;
  void StartNext(CoordinatorEffects& out);
  void EnterFirstLeg(CoordinatorEffects& out);
  void EnterLeg(Leg leg, CoordinatorEffects& out);
  void RunLeg(CoordinatorEffects& out);
  void EndOp(CoordinatorEffects& out);
  // Ends the operation where it is: a process that it needs has died.
  void GiveUp(std::string message, CoordinatorEffects& out);
  void Fail(Errno error, CpuhpState step, std::string message,
            CoordinatorEffects& out);

  // Hotplug (coordinator_hotplug.cc).
  void NextLeg(CoordinatorEffects& out);
  void Turn(CoordinatorEffects& out);
  void ContinueWalk(CoordinatorEffects& out);
  CpuId ExecutorOf(const CpuhpStep& step) const;
  CpuhpState Target() const;
  // The control side's own steps, for the trace.
  void OpenStep(CpuhpState step, CoordinatorEffects& out);
  void CloseStep(Errno error, CoordinatorEffects& out);
  bool IsInsideStep(Leg leg) const;
  bool KeepControl();
  bool TakeInjectedFailure(CpuhpState step);
  void BringUp(CoordinatorEffects& out);
  void PublishView(CoordinatorEffects& out);
  void AwaitDeath(CoordinatorEffects& out);
  void Bury(CoordinatorEffects& out);

  // stop_machine (coordinator_stop.cc).
  void BeginStop(CoordinatorEffects& out);
  void AllAcked(CoordinatorEffects& out);
  void EndStop(CoordinatorEffects& out);
  void AbortStop(Errno error, std::string message, CoordinatorEffects& out);
  // Of the operation: those that run the function, or go.
  CpuMask ActiveCpus() const;
  StopPublish Publication() const;
  void ResumeStop(CoordinatorEffects& out);

  // The stop lease (coordinator_lease.cc).
  bool Leased() const { return profile_.stop_lease == StopLease::kHeld; }
  bool IsOutcomeOpen() const;
  void GiveStopUp(Errno error, std::string message, CoordinatorEffects& out);
  void BeginAbort(CoordinatorEffects& out);
  void EndAbort(CoordinatorEffects& out);
  bool TriesAgain(Errno error) const;
  void ResumeLeasedStop(CoordinatorEffects& out);
  void AnswerOldRound(CpuId cpu, Generation generation,
                      CoordinatorEffects& out) const;

  // The hotplug lock (coordinator_lock.cc).
  void BeginOp(CoordinatorEffects& out);
  void SetReaders(CpuId cpu, std::uint32_t wanted, CoordinatorEffects& out);
  void GrantReaders(CoordinatorEffects& out);
  void TraceLock(absl::string_view what, CoordinatorEffects& out) const;

  // Membership (coordinator_membership.cc).
  void Repeat(CpuId cpu, CoordinatorEffects& out);
  void Introduce(CpuId cpu, CoordinatorEffects& out);
  void ReleaseFromOldRound(CpuId cpu, CoordinatorEffects& out) const;
  bool HasGivenUp(const CpuStatus& status, CpuId cpu) const;
  void LeaveOp(CpuId cpu, CoordinatorEffects& out);
  void FinishRecovery(CoordinatorEffects& out);
  void Broadcast(const ToCpu& message, CoordinatorEffects& out) const;
  void TellView(CoordinatorEffects& out) const;

  bool IsPresent(CpuId cpu) const;
  CpuhpState& StateOf(CpuId cpu) { return cpus_[cpu].state; }
  TraceEvent Event(TraceKind kind) const;

  // Constant after construction.
  Profile profile_;
  CpuhpTable table_;
  std::uint32_t possible_;
  Epoch epoch_;

  View view_;
  std::map<CpuId, CpuRecord> cpus_;
  std::optional<Operation> op_;
  std::deque<Operation> queued_;
  Await await_ = Await::kNothing;
  // The walk under way.
  std::optional<WalkSteps> walk_;
  CpuId walker_;
  // The step of the control side that the operation is inside of while the CPU,
  // or the barrier, does its part.
  std::optional<CpuhpState> inside_;
  // It may say so before EXIT is acked by all.
  Death death_ = Death::kNone;
  // The process that the operation is about has died under it: it ends at the
  // next journaled leg that needs the process, whoever has the number by then.
  bool target_lost_ = false;
  std::optional<MultiStop> stop_;
  // Of the clock of half leases, since the round's last publication or abort.
  std::uint32_t ticks_ = 0;
  // Active CPUs that have not said that their effect is taken back.
  CpuMask give_back_;
  // The function may have run in the round that is given up.
  bool may_have_run_ = false;
  // Who owes a ViewAck in leg kOnline.
  CpuMask view_missing_;
  Generation last_generation_;
  bool recovering_ = false;
  HotplugLock lock_;
  std::map<CpuId, ReadersOf> readers_;
  // What CPUs said of themselves when they last attached.
  std::map<CpuId, CpuStatus> recovered_;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_COORDINATOR_H_
