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
  // The call that our csd for many-calls to it is locked by; 0: it is free.
  Seq many_csd = 0;
  // As target: the highest number seen, and the answers that the source has not
  // confirmed. A number at or below last_seq is a retransmission.
  Seq last_seq = 0;
  SeqWindow<Done> answers;
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

// This CPU's part in a stop_machine round.
struct StopWork {
  enum class Run : std::uint8_t { kNotYet, kDrain, kDying, kFunction, kDone };
  Generation generation;
  MultiStopState published{};
  // The last state it acted on; it trails `published` while a guard is held.
  MultiStopState acted{};
  bool active = false;
  // No other CPU is active.
  bool alone = false;
  bool takedown = false;
  std::string func;
  std::string payload;
  std::optional<View> view;
  Run run = Run::kNotYet;
  // Has acknowledged the state it acted on.
  bool acked = false;
  // The way down through the STARTING steps: where it stands, and the step that
  // it is inside of.
  CpuhpState dying_state = 0;
  std::optional<CpuhpState> dying_step;
  Errno error = Errno::kOk;
  std::string result;
  std::uint64_t flushed = 0;

  friend bool operator==(const StopWork&, const StopWork&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StopWork& s) {
    h = H::combine(std::move(h), s.generation, s.published, s.acted, s.active,
                   s.alone, s.takedown, s.func, s.payload, s.view, s.run,
                   s.acked);
    return H::combine(std::move(h), s.dying_state, s.dying_step, s.error,
                      s.result, s.flushed);
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
  const std::optional<StopWork>& stop() const { return stop_; }
  const std::optional<Walk>& walk() const { return walk_; }
  const std::map<CpuId, Peer>& peers() const { return peers_; }
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
                      c.closed_generation_, c.walk_, c.last_walk_, c.kicked_op_,
                      c.last_doorbell_);
  }

 private:
  // One handler for each event.
  void On(Call& e, CpuEffects& out);
  void On(CallMany& e, CpuEffects& out);
  void On(Expire& e, CpuEffects& out);
  void On(Retry& e, CpuEffects& out);
  void On(DeviceIrq& e, CpuEffects& out);
  void On(Enqueue& e, CpuEffects& out);
  void On(Confirmed& e, CpuEffects& out);
  void On(Enqueued& e, CpuEffects& out);
  void On(Done& e, CpuEffects& out);
  void On(Doorbell& e, CpuEffects& out);
  void On(Latched& e, CpuEffects& out);
  void On(OperatorKick& e, CpuEffects& out);
  void On(LinkUp& e, CpuEffects& out);
  void On(IrqEntry& e, CpuEffects& out);
  void On(IdleExit& e, CpuEffects& out);
  void On(FunctionReturned& e, CpuEffects& out);
  void On(RunStep& e, CpuEffects& out);
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

  // Does whatever the state now allows, until nothing more can be done.
  void Pump(CpuEffects& out);
  bool PumpOnce(CpuEffects& out);

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

  // The idle loop and softirqs (cpu_idle.cc).
  bool Polls() const;
  void FlagIdle(const Doorbell& e, CpuEffects& out);
  void CompleteRequest(CpuEffects& out);
  void RunSoftirqs(CpuEffects& out);
  void ExitIrq(CpuEffects& out);

  // stop_machine and hotplug (cpu_hotplug.cc).
  bool ActOnStop(CpuEffects& out);
  bool ContinueRun(CpuEffects& out);
  bool ContinueDying(CpuEffects& out);
  void AckStop(CpuEffects& out);
  void LeaveStop(CpuEffects& out);
  void AbortStop(CpuEffects& out);
  void Park(CpuEffects& out);
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
  // Rounds up to this one are over for this CPU.
  Generation closed_generation_;
  std::optional<Walk> walk_;
  // The last walk's answer, to repeat it.
  StepsDone last_walk_;
  OpId kicked_op_;
  DoorbellFate last_doorbell_;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_CPU_H_
