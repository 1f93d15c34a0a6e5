// Start here. One CPU of the emulated machine, as a value: events go in,
// effects come out, and the same events give the same effects everywhere. It
// knows no thread, clock, socket or log.
//
// A call, end to end, between CPU 1 and CPU 3 (the doorbell in the same frame):
//
//   CPU 1                              CPU 3
//   Call{3, nop, wait}
//     SendEnqueue ------------------>  Enqueue: into the call_single_queue
//     (guard held)                       queue was empty: RingSelf -> Doorbell
//   Enqueued{was_empty, rung} <------    SendEnqueued
//     (guard released, by profile)     Doorbell: pending bit set, RaiseIrq
//                                      IrqEntry: bit cleared, whole queue taken
//                                        RunFunction -> FunctionReturned
//   Done <---------------------------    SendDone
//     CallEnded
#ifndef BELFRY_KERNEL_CPU_H_
#define BELFRY_KERNEL_CPU_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernel/control.h"
#include "kernel/cpu_event.h"
#include "kernel/cpuhp.h"
#include "kernel/csd.h"
#include "kernel/profile.h"
#include "kernel/seq_window.h"
#include "kernel/stop_two.h"
#include "kernel/stopper.h"

namespace belfry::kernel {

struct CpuConfig {
  CpuId id;
  Incarnation incarnation;
  Profile profile;
  // The doorbell travels apart from the call.
  bool split_doorbell = false;
  // Calls in the queue; one more is refused (ENOBUFS). Also bounds the tasks
  // and interrupts that wait for the CPU.
  std::size_t queue_capacity = 65536;
  // The processes that the CPUs of its machine had when this one came to it, by
  // number; null: it is told of each. All who came with it share the one table.
  std::shared_ptr<const std::vector<Incarnation>> processes;
};

// Who made a call: what its end does, and the frames that `dump` shows.
enum class Origin : std::uint8_t { kTask, kStep, kIrq };

// A call that this CPU issued and whose end it has not seen.
struct Outgoing {
  enum class State : std::uint8_t { kSent, kQueued };
  Token token = 0;
  Origin origin{};
  FuncId func{};
  bool wait = false;
  State state = State::kSent;
  bool holds_guard = false;
  // It found the queue empty, or took it for empty, and rang.
  bool rang = false;
  // The ring's arrival was acknowledged (a fused ring arrives with its call).
  bool ring_latched = false;
  bool stuck = false;
  // The many-call that it is one of, by ManyCall::number; 0: none.
  std::uint32_t many = 0;
  // Kept until the target has the call, to send it again on a new link.
  std::string payload;

  friend bool operator==(const Outgoing&, const Outgoing&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Outgoing& o) {
    return H::combine(std::move(h), o.token, o.origin, o.func, o.wait, o.state,
                      o.holds_guard, o.rang, o.ring_latched, o.stuck, o.many,
                      o.payload);
  }
};

// A call that is not on its way: no guard, no place in any queue.
struct HeldCall {
  Token token = 0;
  Origin origin{};
  CpuId dst;
  FuncId func{};
  bool wait = false;
  // The number that it had when it found the queue full; 0: not issued yet.
  Seq issued_as = 0;
  // As Outgoing::many.
  std::uint32_t many = 0;
  std::string payload;

  friend bool operator==(const HeldCall&, const HeldCall&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const HeldCall& c) {
    return H::combine(std::move(h), c.token, c.origin, c.dst, c.func, c.wait,
                      c.issued_as, c.many, c.payload);
  }
};

// A many-call between its first call and its ring.
struct ManyCall {
  struct Part {
    CpuId dst;
    Seq seq = 0;
    // Its target is to be rung.
    bool due = false;

    friend bool operator==(const Part&, const Part&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Part& p) {
      return H::combine(std::move(h), p.dst, p.seq, p.due);
    }
  };
  // Tells it from those that it has interrupted.
  std::uint32_t number = 0;
  std::vector<Part> parts;
  // Calls that are not known to be queued.
  std::size_t unqueued = 0;

  friend bool operator==(const ManyCall&, const ManyCall&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ManyCall& m) {
    return H::combine(std::move(h), m.number, m.parts, m.unqueued);
  }
};

// What one CPU knows of another's process.
struct Peer {
  Incarnation incarnation;
  // It was held for dead. Should it be heard of again its numbers go on, for it
  // remembers them.
  bool gone = false;
  // The view's number when this process was first heard of. Views up to then
  // speak of the one before it.
  std::uint64_t came_at_view = 0;
  SeqWindow<Outgoing> out;
  // Of the payloads in `out`.
  std::size_t out_bytes = 0;
  // The call that our csd for many-calls to it is locked by; 0: it is free.
  Seq many_csd = 0;
  // As target: the highest number seen, and the answers that the source has not
  // confirmed. A number at or below last_seq is a retransmission.
  Seq last_seq = 0;
  SeqWindow<Done> answers;
  // Of the results in `answers`.
  std::size_t answer_bytes = 0;
  SeqWindow<Errno> refused;

  friend bool operator==(const Peer&, const Peer&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Peer& p) {
    return H::combine(std::move(h), p.incarnation, p.gone, p.came_at_view,
                      p.out, p.many_csd, p.last_seq, p.answers, p.refused);
  }
};

// Calls that are being run one after the other, and why.
struct Drain {
  Context context{};
  std::deque<Csd> calls;
  // The first of `calls` runs now.
  bool running = false;
  std::uint64_t ran = 0;

  friend bool operator==(const Drain&, const Drain&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Drain& d) {
    return H::combine(std::move(h), d.context, d.calls, d.running, d.ran);
  }
};

// A walk over hotplug steps that this CPU runs.
struct Walk {
  WalkSteps request;
  CpuhpState state = 0;
  // NextStep was emitted and not answered.
  bool step_due = false;
  // The step that waits for its call.
  std::optional<CpuhpState> waiting_step;

  friend bool operator==(const Walk&, const Walk&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Walk& w) {
    return H::combine(std::move(h), w.request, w.state, w.step_due,
                      w.waiting_step);
  }
};

// What became of the last doorbell that reached this CPU: the one fact that
// explains a stranded queue when the trace has long been overwritten.
struct DoorbellFate {
  enum class Kind : std::uint8_t {
    kNone,
    kLatched,
    kFlagged,
    kTaken,
    kClearedByReset
  };
  Kind kind = Kind::kNone;
  CsdKey key;

  friend bool operator==(const DoorbellFate&, const DoorbellFate&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const DoorbellFate& f) {
    return H::combine(std::move(h), f.kind, f.key);
  }
};

// A value: copy, compare and hash it. Not thread-safe; its driver owns it.
// Comparison and hash cover all that a later event can meet.
class Cpu {
 public:
  explicit Cpu(CpuConfig config);

  // The only verb. Total: an event that is stale, repeated or unknown to the
  // state changes nothing. Appends to `out`.
  void Step(CpuEvent event, CpuEffects& out);

  CpuId id() const { return config_.id; }
  Incarnation incarnation() const { return config_.incarnation; }
  const Profile& profile() const { return config_.profile; }
  Life life() const { return life_; }
  const View& view() const { return view_; }
  bool irqs_masked() const { return masked_; }
  bool latched() const { return latched_; }
  // Flagged while it was idle and polling; its idle loop has not seen it yet.
  bool need_resched() const { return need_resched_; }
  // Requests whose completion waits for BLOCK_SOFTIRQ.
  std::uint32_t blk_cpu_done() const { return blk_cpu_done_; }
  const CallSingleQueue& queue() const { return queue_; }
  const std::optional<Drain>& drain() const { return drain_; }
  // The work that the stopper runs, and what waits behind it.
  const std::optional<StopWork>& stop() const { return stop_; }
  const Stopper& stopper() const { return stopper_; }
  // The stop_two_cpus() that a task of this CPU waits for, and tasks behind it.
  const std::optional<StopTwo>& stop_two() const { return stop_two_; }
  // So many have begun.
  std::uint64_t stop_twos() const { return stop_twos_; }
  // One of this CPU's, or the end of another's, hangs on that CPU's stopper.
  bool NeedsStopperOf(CpuId cpu) const;
  const std::deque<StopTwoTask>& stop_two_tasks() const {
    return stop_two_tasks_;
  }
  // Rounds up to this one are over for this CPU, or never were any of its.
  Generation closed_generation() const { return closed_generation_; }
  const std::optional<Walk>& walk() const { return walk_; }
  // Those it has had calls with, or knows something of that the table of
  // processes does not.
  const std::map<CpuId, Peer>& peers() const { return peers_; }
  // Of the CPU's process, by what is known here; 0: none.
  Incarnation IncarnationOf(CpuId cpu) const;
  const std::deque<HeldCall>& held_tasks() const { return held_tasks_; }
  // It may owe a ring for the call: that is not known to be queued, or it is
  // one of a many-call that has not rung.
  bool MayOweRing(const Outgoing& call) const;
  const std::deque<CallMany>& held_many() const { return held_many_; }
  const std::deque<HeldCall>& backed_off() const { return backed_off_; }
  std::size_t device_irqs() const { return device_irqs_.size(); }
  // The call that a handler waits for, with interrupts off.
  const std::optional<std::pair<CpuId, Seq>>& irq_wait() const {
    return irq_wait_;
  }
  std::size_t guards() const { return guards_; }
  // Armed here: the CPU whose tasks each lets run.
  const std::deque<CpuId>& timers() const { return timers_; }
  // The walk under way is that of a task that is throttled.
  bool walk_throttled() const;
  // Tasks that hold the hotplug lock for reading, by the coordinator's word,
  // and those that hold it or want to.
  std::uint32_t readers() const { return readers_; }
  std::uint32_t readers_wanted() const { return readers_wanted_; }
  bool report_owed() const { return report_owed_; }
  const DoorbellFate& last_doorbell() const { return last_doorbell_; }
  CpuStatus status() const;
  // The end of every call to `dst` up to this one has been seen.
  Seq done_through(CpuId dst) const;

  friend bool operator==(const Cpu&, const Cpu&);
  template <typename H>
  friend H AbslHashValue(H h, const Cpu& c) {
    h = H::combine(std::move(h), c.life_, c.view_, c.masked_, c.latched_,
                   c.irq_raised_, c.queue_, c.drain_, c.peers_, c.guards_,
                   c.held_tasks_, c.self_calls_, c.irq_wait_, c.interrupted_);
    h = H::combine(std::move(h), c.held_many_, c.many_, c.cfd_mask_,
                   c.irq_many_, c.need_resched_, c.idle_woken_, c.blk_cpu_done_,
                   c.nohz_kicked_);
    return H::combine(std::move(h), c.backed_off_, c.device_irqs_, c.stop_,
                      c.stopper_, c.stop_two_, c.stop_two_tasks_, c.stop_twos_,
                      c.closed_generation_, c.ran_in_, c.epoch_, c.walk_,
                      c.last_walk_, c.kicked_op_, c.last_doorbell_,
                      c.report_owed_, c.timers_, c.throttled_, c.readers_,
                      c.readers_wanted_);
  }

 private:
  // One handler for each event.
  void On(Call& e, CpuEffects& out);
  void On(CallMany& e, CpuEffects& out);
  void On(StopTwoTask& e, CpuEffects& out);
  void On(Expire& e, CpuEffects& out);
  void On(Retry& e, CpuEffects& out);
  void On(DeviceIrq& e, CpuEffects& out);
  void On(Enqueue& e, CpuEffects& out);
  void On(Confirmed& e, CpuEffects& out);
  void On(Enqueued& e, CpuEffects& out);
  void On(Done& e, CpuEffects& out);
  void On(Doorbell& e, CpuEffects& out);
  void On(Latched& e, CpuEffects& out);
  void On(StopTwoOrder& e, CpuEffects& out);
  void On(StopTwoReport& e, CpuEffects& out);
  void On(OperatorKick& e, CpuEffects& out);
  void On(LinkUp& e, CpuEffects& out);
  void On(IrqEntry& e, CpuEffects& out);
  void On(IdleExit& e, CpuEffects& out);
  void On(FunctionReturned& e, CpuEffects& out);
  void On(RunStep& e, CpuEffects& out);
  void On(StopperRuns& e, CpuEffects& out);
  void On(LeaseOver& e, CpuEffects& out);
  void On(WindowIs& e, CpuEffects& out);
  void On(RunStage& e, CpuEffects& out);
  void On(Overdue& e, CpuEffects& out);
  void On(CoordinatorLost& e, CpuEffects& out);
  void On(StopPublish& e, CpuEffects& out);
  void On(StopAbort& e, CpuEffects& out);
  void On(WalkSteps& e, CpuEffects& out);
  void On(Kick& e, CpuEffects& out);
  void On(BringOnline& e, CpuEffects& out);
  void On(SetView& e, CpuEffects& out);
  void On(PeerIs& e, CpuEffects& out);
  void On(PeerGone& e, CpuEffects& out);
  void On(PowerOff& e, CpuEffects& out);
  void On(ArmTimer& e, CpuEffects& out);
  void On(Throttle& e, CpuEffects& out);
  void On(ExpireTimers& e, CpuEffects& out);
  void On(ReadLock& e, CpuEffects& out);
  void On(ReadUnlock& e, CpuEffects& out);
  void On(ReadersGranted& e, CpuEffects& out);

  // Does whatever the state now allows, until nothing more can be done.
  void Pump(CpuEffects& out);
  bool PumpOnce(CpuEffects& out);

  // What is known of the CPU: a record, made when first asked for.
  Peer& PeerOf(CpuId cpu);

  bool CanTakeInterrupt() const;
  bool CanRunTasks() const;
  // The sender's online check.
  bool SeesOnline(CpuId cpu) const;

  // The sending side (cpu_call.cc).
  // The number that it was sent to another CPU under; 0: it was not.
  Seq Issue(HeldCall call, CpuEffects& out);
  void Refuse(const HeldCall& call, Errno error, CpuEffects& out);
  void RefuseWaiting(CpuEffects& out);
  void EndCall(CpuId dst, Seq seq, Outcome outcome, Errno error,
               std::string result, CpuEffects& out);
  void TellCaller(Origin origin, CpuId dst, Token token, Outcome outcome,
                  Errno error, std::string result, CpuEffects& out);
  bool RingsWithData(const Peer& peer) const;
  void DecideRing(const Enqueued& e, Outgoing& call, CpuEffects& out);
  void BeginIrqWait(CpuId dst, Seq seq, CpuEffects& out);
  void EndIrqWait(CpuEffects& out);
  void ReleaseGuard(Outgoing& call);
  std::string TakePayload(Peer& peer, Outgoing& call);
  void SendAnswersAgain(CpuId dst, const Peer& peer, CpuEffects& out);
  void SendCallsAgain(CpuId dst, const Peer& peer, CpuEffects& out);
  void ForgetPeer(CpuId cpu, Peer& peer, CpuEffects& out);
  void HandleDeviceIrq(const DeviceIrq& irq, CpuEffects& out);
  void BlockComplete(CpuId submitter, CpuEffects& out);

  // Many-calls (cpu_many.cc).
  bool IssueHeldMany(CpuEffects& out);
  void IssueMany(const CallMany& call, Origin origin, CpuEffects& out);
  void CallManyFromIrq(const CallMany& call, CpuEffects& out);
  std::optional<std::pair<CpuId, Seq>> LockedCsd(const CpuMask& cpus) const;
  void NoteManyQueued(const Enqueued& e, Outgoing& call, CpuEffects& out);
  void CountDownMany(std::uint32_t number, CpuEffects& out);
  void RingMany(const ManyCall& many, CpuEffects& out);
  void RefuseMany(const CallMany& call, Errno error, CpuEffects& out);

  // The receiving side (cpu_irq.cc).
  void StartDrain(Context context, std::deque<Csd> calls, CpuEffects& out);
  void RunNext(CpuEffects& out);
  void FinishDrain(CpuEffects& out);
  void Answer(const Csd& csd, Errno error, std::string result, CpuEffects& out);
  void SendAnswer(const Csd& csd, Done answer, CpuEffects& out);

  // The idle loop and softirqs (cpu_idle.cc).
  bool Polls() const;
  void FlagIdle(const Doorbell& e, CpuEffects& out);
  void CompleteRequest(CpuEffects& out);
  void RunSoftirqs(CpuEffects& out);
  void ExitIrq(CpuEffects& out);

  // The stopper (cpu_stopper.cc).
  void UnparkStopper(CpuEffects& out);
  void ParkStopper(CpuEffects& out);
  bool QueueStopWork(StopWork work, CpuEffects& out);
  void DiscardStopWork(const StopWork& work, CpuEffects& out);
  void QueueRound(StopWork work, CpuEffects& out);
  void TakeStopWork();
  StopWork* FindRound();
  const StopWork* FindRound() const {
    return const_cast<Cpu*>(this)->FindRound();
  }
  StopWork* FindPair(const StopTwoKey& key);
  void GiveUpRound(CpuEffects& out);
  TraceEvent StopEvent(TraceKind kind, const StopWork& work) const;
  void Published(const StopTwoOrder& e, CpuEffects& out);
  bool ServeStopper(CpuEffects& out);
  std::optional<Errno> Obey(const StopTwoOrder& order, CpuEffects& out);
  std::optional<Errno> TakeBack(const StopTwoKey& key, CpuId asker,
                                CpuEffects& out);
  void GiveUp(const StopTwoKey& key, Errno error, CpuEffects& out);
  void Report(CpuId to, StopTwoReport report, CpuEffects& out);
  void LoseInitiator(CpuId cpu, CpuEffects& out);
  void AskWhetherItRan(CpuEffects& out);
  bool LeaveOrphaned(CpuEffects& out);

  // stop_two_cpus(), the initiator's side (cpu_stop_two.cc).
  bool RunStopTwo(CpuEffects& out);
  void BeginQueueing(CpuEffects& out);
  void Order(CpuId cpu, StopTwoVerb verb, CpuEffects& out);
  void SendOrder(CpuId cpu, StopTwoOrder order, CpuEffects& out);
  void Answered(const StopTwoReport& e, CpuEffects& out);
  void WakeStoppers(CpuEffects& out);
  void Acknowledged(StopTwoReport& e, CpuEffects& out);
  void AdvanceStopTwo(CpuEffects& out);
  void AbandonStopTwo(Errno error, CpuEffects& out);
  void EndStopTwo(CpuEffects& out);
  void LoseParticipant(CpuId cpu, CpuEffects& out);
  void RepeatOrders(CpuId cpu, CpuEffects& out);
  void RefuseStopTwo(const StopTwoTask& task, Errno error, CpuEffects& out);
  void RefuseStopTwos(CpuEffects& out);
  StopTwoKey KeyOf(const StopTwo& stop) const;
  TraceEvent StopTwoEvent(TraceKind kind) const;
  bool HasProcess(CpuId cpu) const;

  // stop_machine and hotplug (cpu_hotplug.cc).
  bool ActOnStop(CpuEffects& out);
  bool ContinueRun(CpuEffects& out);
  bool ContinueDying(CpuEffects& out);
  void DisableSelf(CpuEffects& out);
  void AckStop(CpuEffects& out);
  void LeaveStop(CpuEffects& out);
  void AbortStop(CpuEffects& out);
  void Park(CpuEffects& out);
  void Die(CpuEffects& out);
  void AdoptView(const View& view, CpuEffects& out);
  void SetLife(Life life, CpuEffects& out);
  void Mask(absl::string_view why, CpuEffects& out);
  void Unmask(absl::string_view why, CpuEffects& out);
  bool ContinueWalk(CpuEffects& out);
  TraceEvent StepEvent(TraceKind kind, CpuId about,
                       const CpuhpStep& step) const;
  void TraceStepEnter(CpuId about, const CpuhpStep& step, CpuhpState target,
                      CpuEffects& out) const;
  void TraceStepExit(CpuId about, const CpuhpStep& step, CpuhpState state,
                     Errno error, CpuEffects& out) const;
  // Enter and exit of a step whose callbacks do nothing that could be waited
  // for: one pair, or one for each of its instances.
  void TraceStep(CpuId about, const CpuhpStep& step, CpuhpState target,
                 CpuhpState state, CpuEffects& out) const;
  void EndStep(const CpuhpStep& step, Errno error, CpuEffects& out);
  void EndWalk(Errno error, CpuhpState failed, CpuEffects& out);

  // The stop lease (cpu_lease.cc).
  bool Leased() const { return config_.profile.stop_lease == StopLease::kHeld; }
  bool Lacks(LeaseWithout safeguard) const {
    return config_.profile.lease_without == safeguard;
  }
  bool Obeys(Epoch epoch);
  void HoldRoundsLease(CpuEffects& out);
  bool LookBeforeRun(CpuEffects& out);
  void RefuseRound(Generation generation, MultiStopState state,
                   CpuEffects& out);
  bool GiveBackEffect(CpuEffects& out);
  void TellAborted(Generation generation, CpuEffects& out) const;
  void RefuseWhatItHolds(CpuEffects& out);
  bool HasLeft() const;

  // Timers, and the bandwidth of tasks (cpu_timer.cc).
  void Unthrottle(CpuEffects& out);
  void LeaveTimers();
  void AdoptTimers(const Handover& handover, CpuEffects& out);

  // What it hands over when it goes (cpu_handover.cc).
  void FixupIrqs(CpuEffects& out);
  void SilenceController(CpuEffects& out);
  void ReportDead(CpuEffects& out);
  void TakeOver(const Handover& handover, CpuEffects& out);

  TraceEvent Event(TraceKind kind) const;

  // Constant after construction.
  CpuConfig config_;
  CpuhpTable table_;

  Life life_ = Life::kDead;
  View view_;
  // Interrupts are disabled; always so when the CPU is not online.
  bool masked_ = true;
  // The pending bit.
  bool latched_ = false;
  // RaiseIrq was emitted and not answered.
  bool irq_raised_ = false;
  // TIF_NEED_RESCHED of the idle task; WakeIdle was emitted and not answered.
  bool need_resched_ = false;
  bool idle_woken_ = false;
  CallSingleQueue queue_;
  // The list behind the queue: its softirq is pending while it is not empty.
  std::uint32_t blk_cpu_done_ = 0;
  // NOHZ_KICK_MASK of nohz_flags: the csd for kicks is in use.
  bool nohz_kicked_ = false;
  std::optional<Drain> drain_;
  std::map<CpuId, Peer> peers_;
  // Outgoing calls that hold a guard: while there are any, no state of a stop
  // is acted on.
  std::size_t guards_ = 0;
  // Calls of tasks that wait for the CPU to run tasks; calls to the own CPU.
  std::deque<HeldCall> held_tasks_;
  // Many-calls of tasks that wait for that, or for a csd of the CPU's cfd_data.
  std::deque<CallMany> held_many_;
  // Many-calls that have not rung: one of a task, and those of handlers that
  // have interrupted it.
  std::vector<ManyCall> many_;
  // cfd_data's cpumask: whom the last of them calls.
  CpuMask cfd_mask_;
  std::deque<Csd> self_calls_;
  // Waiting calls that found their target's queue full.
  std::deque<HeldCall> backed_off_;
  // The call that a handler waits for, and the news that come meanwhile for
  // what it has interrupted.
  std::optional<std::pair<CpuId, Seq>> irq_wait_;
  std::deque<Enqueued> interrupted_;
  // It waits for a csd, for the call to make then.
  std::optional<CallMany> irq_many_;
  // Interrupts that wait at the device.
  std::deque<DeviceIrq> device_irqs_;
  std::optional<StopWork> stop_;
  Stopper stopper_;
  std::optional<StopTwo> stop_two_;
  std::deque<StopTwoTask> stop_two_tasks_;
  // So many have begun; numbers the next.
  std::uint64_t stop_twos_ = 0;
  // Rounds up to this one are over for this CPU.
  Generation closed_generation_;
  // The last round in which it ran the function.
  Generation ran_in_;
  // The highest epoch of a coordinator heard of.
  Epoch epoch_;
  std::optional<Walk> walk_;
  // The last walk's answer, to repeat it.
  StepsDone last_walk_;
  OpId kicked_op_;
  DoorbellFate last_doorbell_;
  // It has announced its death and not made its last report.
  bool report_owed_ = false;
  std::deque<CpuId> timers_;
  bool throttled_ = false;
  std::uint32_t readers_ = 0;
  std::uint32_t readers_wanted_ = 0;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_CPU_H_
