// The sending side of a call: smp_call_function_single() and its kin.
#include <utility>

#include "kernel/cpu.h"
#include "kernel/functions.h"

namespace belfry::kernel {
namespace {

// Numbers from the oldest call under way to one CPU to the next that is given:
// refused calls and those that are tried again use them up.
constexpr Seq kSpanMax = 131072;

// Whether the sender's own online check refuses a call to an offline CPU. An
// interrupt brings its own csd (__smp_call_function_single()), which Linux 3.0
// did not check.
bool RefusesOffline(RefuseOffline rule, Origin origin) {
  return rule == RefuseOffline::kAll ||
         (rule == RefuseOffline::kSingleOnly && origin != Origin::kIrq);
}

}  // namespace

void Cpu::On(Call& e, CpuEffects& out) {
  HeldCall call{.token = e.token,
                .origin = Origin::kTask,
                .dst = e.dst,
                .func = e.func,
                .wait = e.wait,
                .payload = std::move(e.payload)};
  if (life_ != Life::kOnline) {
    Refuse(call, Errno::kEnxio, out);
  } else if (held_tasks_.size() + backed_off_.size() >=
             config_.queue_capacity) {
    Refuse(call, Errno::kEnobufs, out);
  } else {
    held_tasks_.push_back(std::move(call));
  }
}

void Cpu::On(Expire& e, CpuEffects& out) {
  for (std::deque<HeldCall>* held : {&held_tasks_, &backed_off_}) {
    for (auto call = held->begin(); call != held->end(); ++call) {
      if (call->origin != Origin::kTask || call->token != e.token) continue;
      Refuse(*call, Errno::kEtimedout, out);
      held->erase(call);
      return;
    }
  }
  for (auto call = held_many_.begin(); call != held_many_.end(); ++call) {
    if (call->token != e.token) continue;
    RefuseMany(*call, Errno::kEtimedout, out);
    held_many_.erase(call);
    return;
  }
  for (auto task = stop_two_tasks_.begin(); task != stop_two_tasks_.end();
       ++task) {
    if (task->token != e.token) continue;
    RefuseStopTwo(*task, Errno::kEtimedout, out);
    stop_two_tasks_.erase(task);
    return;
  }
}

void Cpu::On(Retry&, CpuEffects& out) {
  if (life_ == Life::kDead) RefuseWaiting(out);
  while (!backed_off_.empty()) {
    held_tasks_.push_back(std::move(backed_off_.front()));
    backed_off_.pop_front();
  }
}

void Cpu::HandleDeviceIrq(const DeviceIrq& irq, CpuEffects& out) {
  if (irq.calls.empty()) {
    BlockComplete(irq.submitter, out);
    return ExitIrq(out);
  }
  TraceEvent event = Event(TraceKind::kDeviceIrq);
  event.detail = FormatCpuList(irq.calls);
  out.push_back(Trace{std::move(event)});
  CallManyFromIrq({.cpus = irq.calls, .func = kNop}, out);
  ExitIrq(out);
}

// block/blk-softirq.c, raise_blk_irq(): the completion is steered to the CPU
// that submitted the I/O if that is online, else handled here.
void Cpu::BlockComplete(CpuId submitter, CpuEffects& out) {
  TraceEvent event = Event(TraceKind::kDeviceIrq);
  event.about = submitter;
  out.push_back(Trace{std::move(event)});
  if (submitter == config_.id || !SeesOnline(submitter)) {
    CompleteRequest(out);
    return;
  }
  Issue({.origin = Origin::kIrq,
         .dst = submitter,
         .func = kTriggerSoftirq,
         .wait = config_.profile.irq_call == IrqCall::kWaits},
        out);
}

bool Cpu::SeesOnline(CpuId cpu) const {
  if (!view_.online.Has(cpu)) return false;
  const auto peer = peers_.find(cpu);
  return cpu == config_.id || peer == peers_.end() ||
         peer->second.came_at_view < view_.number;
}

Seq Cpu::Issue(HeldCall call, CpuEffects& out) {
  if (!SeesOnline(call.dst) &&
      RefusesOffline(config_.profile.refuse_offline, call.origin)) {
    Refuse(call, Errno::kEnxio, out);
    return 0;
  }
  const bool self = call.dst == config_.id;
  Peer& peer = PeerOf(call.dst);
  if (!self && (peer.incarnation.value == 0 || peer.gone)) {
    // No process, so no memory to queue it in.
    Refuse(call, Errno::kEnxio, out);
    return 0;
  }
  const Seq span = peer.out.next() - peer.out.lowest();
  if (peer.out.size() >= config_.queue_capacity || span >= kSpanMax ||
      peer.out_bytes >= kPayloadBytesMax) {
    // As many as its queue could hold are under way already, by number or by
    // size; or one of them for so long that the numbers since would be too many
    // to keep. A handler does not back off.
    if (call.wait && call.origin != Origin::kIrq && call.many == 0) {
      backed_off_.push_back(std::move(call));
    } else {
      Refuse(call, Errno::kEnobufs, out);
    }
    return 0;
  }
  // The guard is taken before the call leaves and after the online check, with
  // no event between: no stop can be acted on in the meantime.
  const bool guard =
      !self && config_.profile.enqueue_guard == EnqueueGuard::kHeld;
  if (guard) ++guards_;
  TraceEvent event = Event(TraceKind::kCsdQueueCpu);
  event.about = call.dst;
  event.func = call.func;
  event.detail = call.wait ? "wait" : "async";
  event.value = static_cast<std::int64_t>(call.issued_as);
  const bool rings = !self && call.many == 0 && RingsWithData(peer);
  const Seq seq = peer.out.Append({.token = call.token,
                                   .origin = call.origin,
                                   .func = call.func,
                                   .wait = call.wait,
                                   .holds_guard = guard,
                                   .rang = rings,
                                   .many = call.many,
                                   .payload = call.payload});
  peer.out_bytes += call.payload.size();
  Csd csd{.key = {config_.id, config_.incarnation, seq},
          .func = call.func,
          .wait = call.wait,
          .many = call.many != 0,
          .payload = std::move(call.payload)};
  event.csd = csd.key;
  out.push_back(Trace{event});
  if (self) {
    self_calls_.push_back(std::move(csd));
    return 0;
  }
  out.push_back(SendEnqueue{call.dst, std::move(csd), !config_.split_doorbell});
  if (rings) {
    event.kind = TraceKind::kIpiSendCpu;
    event.value = 0;
    event.detail.clear();
    out.push_back(Trace{std::move(event)});
    out.push_back(SendRing{call.dst, seq});
  }
  if (call.wait && call.origin == Origin::kIrq) {
    BeginIrqWait(call.dst, seq, out);
  }
  return seq;
}

void Cpu::BeginIrqWait(CpuId dst, Seq seq, CpuEffects& out) {
  irq_wait_ = {dst, seq};
  Mask("a handler waits", out);
}

// What was interrupted goes on where it was: it may owe a ring.
void Cpu::EndIrqWait(CpuEffects& out) {
  irq_wait_.reset();
  if (irq_many_) CallManyFromIrq(*std::exchange(irq_many_, {}), out);
  if (irq_wait_) return;
  if (life_ == Life::kOnline) Unmask("the handler returns", out);
  ExitIrq(out);
  for (Enqueued& e : std::exchange(interrupted_, {})) On(e, out);
}

// The interrupt does not wait for the stores before it: the sender rings on
// what it knows itself, and others' calls it does not.
bool Cpu::RingsWithData(const Peer& peer) const {
  return config_.split_doorbell &&
         config_.profile.ring_order == RingOrder::kWithData &&
         peer.out.size() == 0;
}

void Cpu::Refuse(const HeldCall& call, Errno error, CpuEffects& out) {
  TraceEvent event = Event(TraceKind::kCsdRefused);
  event.about = call.dst;
  event.func = call.func;
  event.value = static_cast<std::int64_t>(error);
  event.detail = call.wait ? "wait" : "async";
  if (call.issued_as != 0) {
    event.value2 = 1;
    event.csd = CsdKey{config_.id, config_.incarnation, call.issued_as};
  }
  out.push_back(Trace{std::move(event)});
  TellCaller(call.origin, call.dst, call.token, Outcome::kRefused, error, {},
             out);
}

void Cpu::On(Enqueued& e, CpuEffects& out) {
  if (irq_wait_ && (irq_many_ || *irq_wait_ != std::pair(e.from, e.seq))) {
    interrupted_.push_back(std::move(e));
    return;
  }
  const auto peer = peers_.find(e.from);
  if (peer == peers_.end()) return;
  Outgoing* call = peer->second.out.Find(e.seq);
  if (call == nullptr || call->state != Outgoing::State::kSent) return;
  if (e.error == Errno::kEnobufs && call->wait && call->many == 0 &&
      call->origin != Origin::kIrq) {
    // A waiting caller has the time: it lets go of its guard and tries again.
    backed_off_.push_back({.token = call->token,
                           .origin = call->origin,
                           .dst = e.from,
                           .func = call->func,
                           .wait = true,
                           .issued_as = e.seq,
                           .payload = TakePayload(peer->second, *call)});
    ReleaseGuard(*call);
    peer->second.out.Erase(e.seq);
    return;
  }
  if (e.error != Errno::kOk) {
    EndCall(e.from, e.seq, Outcome::kRefused, e.error, {}, out);
    return;
  }
  call->state = Outgoing::State::kQueued;
  (void)TakePayload(peer->second, *call);
  if (call->many != 0) return NoteManyQueued(e, *call, out);
  if (!call->rang) DecideRing(e, *call, out);
  // Only now, the ring on the wire: what is queued behind a dying flush without
  // its ring on the way would be stranded.
  if (!call->wait || config_.profile.wait_guard == WaitGuard::kUntilRung) {
    ReleaseGuard(*call);
  }
  if (call->origin == Origin::kTask) {
    out.push_back(CallQueued{call->token, e.from});
  }
}

void Cpu::DecideRing(const Enqueued& e, Outgoing& call, CpuEffects& out) {
  const bool fused = !config_.split_doorbell;
  call.rang =
      fused ? e.rung : RingDue(config_.profile, call.many != 0, e.was_empty);
  call.ring_latched = fused && e.rung;
  TraceEvent event =
      Event(call.rang ? TraceKind::kIpiSendCpu : TraceKind::kIpiSuppressed);
  event.about = e.from;
  event.func = call.func;
  event.csd = CsdKey{config_.id, config_.incarnation, e.seq};
  out.push_back(Trace{std::move(event)});
  if (call.rang && !fused) out.push_back(SendRing{e.from, e.seq});
}

void Cpu::On(Latched& e, CpuEffects&) {
  const auto peer = peers_.find(e.from);
  if (peer == peers_.end()) return;
  Outgoing* call = peer->second.out.Find(e.seq);
  if (call != nullptr) call->ring_latched = true;
}

void Cpu::On(Done& e, CpuEffects& out) {
  EndCall(e.from, e.seq, e.refused ? Outcome::kRefused : Outcome::kCompleted,
          e.error, std::move(e.result), out);
}

void Cpu::EndCall(CpuId dst, Seq seq, Outcome outcome, Errno error,
                  std::string result, CpuEffects& out) {
  const auto peer = peers_.find(dst);
  if (peer == peers_.end()) return;
  Outgoing* call = peer->second.out.Find(seq);
  if (call == nullptr) return;
  ReleaseGuard(*call);
  TraceEvent event =
      Event(outcome == Outcome::kCompleted ? TraceKind::kCsdDone
            : outcome == Outcome::kRefused ? TraceKind::kCsdRefused
                                           : TraceKind::kCsdLost);
  event.about = dst;
  event.func = call->func;
  event.csd = CsdKey{config_.id, config_.incarnation, seq};
  event.value = static_cast<std::int64_t>(error);
  event.value2 = 1;
  event.detail = outcome == Outcome::kLost ? "target_died"
                 : call->wait              ? "wait"
                                           : "async";
  if (call->stuck) {
    TraceEvent unstuck = event;
    unstuck.kind = TraceKind::kCsdLockUnstuck;
    out.push_back(Trace{std::move(unstuck)});
  }
  out.push_back(Trace{std::move(event)});
  const Origin origin = call->origin;
  const Token token = call->token;
  const std::uint32_t unqueued_of =
      call->state == Outgoing::State::kSent ? call->many : 0;
  (void)TakePayload(peer->second, *call);
  peer->second.out.Erase(seq);
  if (peer->second.many_csd == seq) peer->second.many_csd = 0;
  if (unqueued_of != 0) CountDownMany(unqueued_of, out);
  if (irq_wait_ && *irq_wait_ == std::pair(dst, seq)) EndIrqWait(out);
  TellCaller(origin, dst, token, outcome, error, std::move(result), out);
}

void Cpu::TellCaller(Origin origin, CpuId dst, Token token, Outcome outcome,
                     Errno error, std::string result, CpuEffects& out) {
  switch (origin) {
    case Origin::kTask:
      out.push_back(CallEnded{token, dst, outcome, error, std::move(result)});
      return;
    case Origin::kStep:
      if (walk_ && walk_->waiting_step) {
        EndStep(*table_.Find(*walk_->waiting_step), error, out);
      }
      return;
    case Origin::kIrq:
      return;
  }
}

// A CPU that has gone runs no tasks.
void Cpu::RefuseWaiting(CpuEffects& out) {
  for (std::deque<HeldCall>* held : {&held_tasks_, &backed_off_}) {
    for (const HeldCall& call : std::exchange(*held, {})) {
      Refuse(call, Errno::kEnxio, out);
    }
  }
  RefuseStopTwos(out);
  for (const CallMany& call : std::exchange(held_many_, {})) {
    RefuseMany(call, Errno::kEnxio, out);
  }
}

void Cpu::ReleaseGuard(Outgoing& call) {
  if (call.holds_guard) --guards_;
  call.holds_guard = false;
}

// Of a call that is queued, or is not under way any more.
std::string Cpu::TakePayload(Peer& peer, Outgoing& call) {
  peer.out_bytes -= call.payload.size();
  return std::exchange(call.payload, {});
}

void Cpu::On(Overdue& e, CpuEffects& out) {
  const auto peer = peers_.find(e.dst);
  if (peer == peers_.end()) return;
  Outgoing* call = peer->second.out.Find(e.seq);
  if (call == nullptr) return;
  TraceEvent event = Event(TraceKind::kCsdLockStuck);
  event.about = e.dst;
  event.func = call->func;
  event.csd = CsdKey{config_.id, config_.incarnation, e.seq};
  if (call->wait && !call->stuck) {
    call->stuck = true;
    out.push_back(Trace{event});
  }
  if (config_.profile.ring_rule == RingRule::kWatchdog &&
      call->state == Outgoing::State::kQueued) {
    event.kind = TraceKind::kCsdLockResend;
    out.push_back(Trace{std::move(event)});
    out.push_back(SendRing{e.dst, e.seq});
  }
}

void Cpu::On(LinkUp& e, CpuEffects& out) {
  const auto peer = peers_.find(e.peer);
  if (peer != peers_.end()) {
    e.inbound ? SendAnswersAgain(e.peer, peer->second, out)
              : SendCallsAgain(e.peer, peer->second, out);
  }
  if (!e.inbound) RepeatOrders(e.peer, out);
}

void Cpu::SendAnswersAgain(CpuId dst, const Peer& peer, CpuEffects& out) {
  peer.answers.ForEach([&](Seq, const Done& answer) {
    out.push_back(
        SendDone{dst, answer.seq, answer.error, answer.result, answer.refused});
  });
}

void Cpu::SendCallsAgain(CpuId dst, const Peer& peer, CpuEffects& out) {
  peer.out.ForEach([&](Seq seq, const Outgoing& call) {
    if (call.state == Outgoing::State::kSent) {
      out.push_back(SendEnqueue{dst,
                                {.key = {config_.id, config_.incarnation, seq},
                                 .func = call.func,
                                 .wait = call.wait,
                                 .many = call.many != 0,
                                 .payload = call.payload},
                                !config_.split_doorbell});
    }
    if (call.rang && !call.ring_latched) out.push_back(SendRing{dst, seq});
  });
}

void Cpu::On(PeerIs& e, CpuEffects& out) {
  if (e.cpu == config_.id) return;
  const Incarnation known = IncarnationOf(e.cpu);
  if (e.incarnation < known) return;
  // No news makes no record.
  const auto peer = peers_.find(e.cpu);
  if (e.incarnation == known) {
    if (peer != peers_.end()) peer->second.gone = false;
    return;
  }
  if (known.value != 0) ForgetPeer(e.cpu, PeerOf(e.cpu), out);
  peers_[e.cpu] =
      Peer{.incarnation = e.incarnation, .came_at_view = view_.number};
}

void Cpu::On(PeerGone& e, CpuEffects& out) {
  const Incarnation known = IncarnationOf(e.cpu);
  if (known.value == 0 ||
      (e.incarnation.value != 0 && known != e.incarnation)) {
    return;
  }
  ForgetPeer(e.cpu, PeerOf(e.cpu), out);
}

// The process has died: the outcome of what it owed us is unknown, and its own
// calls in our queue have nobody left to answer.
void Cpu::ForgetPeer(CpuId cpu, Peer& peer, CpuEffects& out) {
  std::deque<Seq> lost;
  peer.out.ForEach([&](Seq seq, const Outgoing&) { lost.push_back(seq); });
  for (Seq seq : lost) {
    EndCall(cpu, seq, Outcome::kLost, Errno::kEownerdead, {}, out);
  }
  peer.gone = true;
  LoseParticipant(cpu, out);
  LoseInitiator(cpu, out);
  // Who finds the queue empty rings: the ring of the first call there may have
  // died with its sender, so it is rung here.
  if (queue_.empty() || latched_) return;
  const CsdKey first = queue_.calls().front().key;
  if (first.src == cpu && first.src_incarnation == peer.incarnation) {
    out.push_back(RingSelf{first});
  }
}

}  // namespace belfry::kernel
