// The receiving side: the queue, the doorbell, the interrupt that drains it.
#include <algorithm>
#include <utility>

#include "kernel/cpu.h"
#include "kernel/functions.h"

namespace belfry::kernel {

void Cpu::On(Enqueue& e, CpuEffects& out) {
  const CsdKey key = e.csd.key;
  const Incarnation known = IncarnationOf(key.src);
  if (known.value == 0 || known != key.src_incarnation) return;
  Peer& peer = PeerOf(key.src);
  if (peer.gone) return;
  TraceEvent event = Event(TraceKind::kCsdDuplicate);
  event.csd = key;
  event.func = e.csd.func;
  if (key.seq <= peer.last_seq) {
    out.push_back(Trace{std::move(event)});
    if (const Errno* refused = peer.refused.Find(key.seq)) {
      out.push_back(SendEnqueued{key.src, key.seq, false, false, *refused});
      return;
    }
    const auto& calls = queue_.calls();
    const bool queued = std::any_of(calls.begin(), calls.end(),
                                    [&](const Csd& c) { return c.key == key; });
    // The first answer may be lost, and with it the news that a ring is due.
    out.push_back(SendEnqueued{key.src, key.seq, queued && !e.fused, e.fused});
    if (const Done* answer = peer.answers.Find(key.seq)) {
      out.push_back(SendDone{key.src, key.seq, answer->error, answer->result,
                             answer->refused});
    }
    return;
  }
  peer.last_seq = key.seq;
  const bool kick = e.csd.func == kNohzCsdFunc;
  const Errno error = e.refuse != Errno::kOk                  ? e.refuse
                      : HasLeft()                             ? Errno::kEnxio
                      : queue_.full()                         ? Errno::kEnobufs
                      : peer.answer_bytes >= kPayloadBytesMax ? Errno::kEnobufs
                      // kick_ilb(): somebody has kicked it already.
                      : kick && nohz_kicked_ ? Errno::kEbusy
                                             : Errno::kOk;
  if (error != Errno::kOk) {
    peer.refused.Put(key.seq, error);
    out.push_back(SendEnqueued{key.src, key.seq, false, false, error});
    return;
  }
  const bool many = e.csd.many;
  nohz_kicked_ = nohz_kicked_ || kick;
  const bool was_empty =
      kick ? queue_.PushAgain(std::move(e.csd)) : queue_.Push(std::move(e.csd));
  event.kind = TraceKind::kCsdEnqueued;
  event.value = static_cast<std::int64_t>(queue_.size());
  event.value2 = was_empty ? 1 : 0;
  out.push_back(Trace{std::move(event)});
  const bool rung = e.fused && RingDue(config_.profile, many, was_empty);
  out.push_back(SendEnqueued{key.src, key.seq, was_empty, rung});
  if (rung) out.push_back(RingSelf{key});
}

void Cpu::On(Confirmed& e, CpuEffects&) {
  const auto peer = peers_.find(e.from);
  if (peer == peers_.end() || peer->second.incarnation != e.incarnation) return;
  peer->second.answers.DropThrough(e.through, [&](const Done& answer) {
    peer->second.answer_bytes -= answer.result.size();
  });
  peer->second.refused.DropThrough(e.through);
}

// Many rings, one bit. Whether the CPU is flagged in its place is decided here,
// where its idle task's flags are.
void Cpu::On(Doorbell& e, CpuEffects& out) {
  if (e.acknowledge) out.push_back(SendLatched{e.key.src, e.key.seq});
  if (Polls()) return FlagIdle(e, out);
  TraceEvent event =
      Event(latched_ ? TraceKind::kIpiCoalesced : TraceKind::kIpiLatched);
  event.csd = e.key;
  out.push_back(Trace{std::move(event)});
  if (!latched_) {
    last_doorbell_ = {DoorbellFate::Kind::kLatched, e.key};
  }
  latched_ = true;
}

void Cpu::On(OperatorKick&, CpuEffects& out) {
  out.push_back(Trace{Event(TraceKind::kKick)});
  if (!latched_) {
    last_doorbell_ = {DoorbellFate::Kind::kLatched,
                      {config_.id, config_.incarnation, 0}};
  }
  latched_ = true;
}

// generic_smp_call_function_single_interrupt(): the bit is cleared before the
// queue is taken, so that a call queued after TakeAll() finds an empty queue
// and rings again.
void Cpu::On(IrqEntry&, CpuEffects& out) {
  irq_raised_ = false;
  if (!latched_ || !CanTakeInterrupt()) return;
  latched_ = false;
  last_doorbell_.kind = DoorbellFate::Kind::kTaken;
  StartDrain(Context::kDoorbell, queue_.TakeAll(), out);
}

void Cpu::StartDrain(Context context, std::deque<Csd> calls, CpuEffects& out) {
  if (context != Context::kSelf && context != Context::kStop) {
    TraceEvent event =
        Event(context == Context::kFlush || context == Context::kIdle
                  ? TraceKind::kCsdFlushEntry
                  : TraceKind::kCallFunctionSingleEntry);
    event.value = static_cast<std::int64_t>(calls.size());
    event.detail = std::string(ContextName(context));
    out.push_back(Trace{std::move(event)});
  }
  drain_ = Drain{.context = context, .calls = std::move(calls)};
}

void Cpu::RunNext(CpuEffects& out) {
  const Csd& csd = drain_->calls.front();
  drain_->running = true;
  if (drain_->context == Context::kStop) {
    out.push_back(RunFunction{.context = Context::kStop,
                              .src = config_.id,
                              .func_name = stop_ ? stop_->func : std::string(),
                              .payload = csd.payload});
    return;
  }
  TraceEvent event = Event(TraceKind::kCsdFunctionEntry);
  event.csd = csd.key;
  event.func = csd.func;
  event.detail = std::string(ContextName(drain_->context));
  out.push_back(Trace{std::move(event)});
  if (!csd.wait && config_.profile.async_unlock == AsyncUnlock::kBeforeFunc) {
    Answer(csd, Errno::kOk, {}, out);
  }
  out.push_back(RunFunction{.context = drain_->context,
                            .src = csd.key.src,
                            .func = csd.func,
                            .payload = csd.payload});
}

void Cpu::On(FunctionReturned& e, CpuEffects& out) {
  if (!drain_ || !drain_->running) return;
  const Csd csd = std::move(drain_->calls.front());
  drain_->calls.pop_front();
  drain_->running = false;
  ++drain_->ran;
  if (drain_->context == Context::kStop) {
    // The round may have been given up meanwhile.
    if (stop_ && stop_->run == StopWork::Run::kFunction) {
      stop_->error = e.error;
      stop_->result = std::move(e.result);
    }
    return;
  }
  if (csd.func == kUnthrottle) Unthrottle(out);
  if (csd.func == kTriggerSoftirq) CompleteRequest(out);
  if (csd.func == kNohzCsdFunc && csd.key.src != config_.id &&
      config_.profile.nohz_release == NohzRelease::kInCallback) {
    nohz_kicked_ = false;
  }
  TraceEvent event = Event(TraceKind::kCsdFunctionExit);
  event.csd = csd.key;
  event.func = csd.func;
  event.value = static_cast<std::int64_t>(e.error);
  event.detail = std::string(ContextName(drain_->context));
  out.push_back(Trace{std::move(event)});
  if (csd.wait || config_.profile.async_unlock == AsyncUnlock::kAfterFunc) {
    Answer(csd, e.error, csd.wait ? std::move(e.result) : std::string(), out);
  }
}

// csd_unlock(): tells the source that its csd is free. Kept until the source
// confirms, for the link may lose it.
void Cpu::Answer(const Csd& csd, Errno error, std::string result,
                 CpuEffects& out) {
  if (drain_->context == Context::kSelf) {
    EndCall(config_.id, csd.key.seq, Outcome::kCompleted, error,
            std::move(result), out);
    return;
  }
  SendAnswer(csd, {.error = error, .result = std::move(result)}, out);
}

// Kept until its caller has confirmed it.
void Cpu::SendAnswer(const Csd& csd, Done answer, CpuEffects& out) {
  const auto peer = peers_.find(csd.key.src);
  if (peer == peers_.end() ||
      peer->second.incarnation != csd.key.src_incarnation) {
    return;
  }
  answer.from = csd.key.src;
  answer.seq = csd.key.seq;
  out.push_back(SendDone{answer.from, answer.seq, answer.error, answer.result,
                         answer.refused});
  peer->second.answer_bytes += answer.result.size();
  peer->second.answers.Put(csd.key.seq, std::move(answer));
}

void Cpu::FinishDrain(CpuEffects& out) {
  const Drain done = std::move(*drain_);
  drain_.reset();
  const auto trace = [&](TraceKind kind) {
    TraceEvent event = Event(kind);
    event.value = static_cast<std::int64_t>(done.ran);
    event.detail = std::string(ContextName(done.context));
    out.push_back(Trace{std::move(event)});
  };
  switch (done.context) {
    case Context::kDoorbell:
    case Context::kLate:
      trace(TraceKind::kCallFunctionSingleExit);
      return ExitIrq(out);
    case Context::kIdle:
      trace(TraceKind::kCsdFlushExit);
      if (config_.profile.idle_flush == IdleFlush::kWithSoftirqs) {
        RunSoftirqs(out);
      }
      return;
    case Context::kFlush:
      trace(TraceKind::kCsdFlushExit);
      if (stop_) stop_->flushed += done.ran;
      return;
    case Context::kSelf:
      // Raised by a task: ksoftirqd runs it.
      return RunSoftirqs(out);
    case Context::kStop:
      return;
  }
}

}  // namespace belfry::kernel
