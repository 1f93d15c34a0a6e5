// A call of many CPUs at once: smp_call_function_many_cond(), kernel/smp.c. One
// csd for each target, out of the CPU's one cfd_data; queued one after the
// other, then one ring for all, all of it under one guard.
#include <algorithm>
#include <utility>

#include "kernel/cpu.h"

namespace belfry::kernel {

void Cpu::On(CallMany& e, CpuEffects& out) {
  if (life_ != Life::kOnline) {
    RefuseMany(e, Errno::kEnxio, out);
  } else if (held_many_.size() >= config_.queue_capacity) {
    RefuseMany(e, Errno::kEnobufs, out);
  } else {
    held_many_.push_back(std::move(e));
  }
}

void Cpu::RefuseMany(const CallMany& call, Errno error, CpuEffects& out) {
  for (const CpuId dst : call.cpus.cpus()) {
    Refuse(
        {.token = call.token, .dst = dst, .func = call.func, .wait = call.wait},
        error, out);
  }
}

// A task has preemption off from its first csd to its ring, so no other task's
// many-call comes between; and it spins for a csd that is still in use.
bool Cpu::IssueHeldMany(CpuEffects& out) {
  if (held_many_.empty() || !many_.empty() ||
      LockedCsd(held_many_.front().cpus)) {
    return false;
  }
  const CallMany call = std::move(held_many_.front());
  held_many_.pop_front();
  IssueMany(call, Origin::kTask, out);
  return true;
}

// A handler spins for it too: for ever, if it is the csd of what it has
// interrupted.
void Cpu::CallManyFromIrq(const CallMany& call, CpuEffects& out) {
  if (const auto locked = LockedCsd(call.cpus)) {
    irq_many_ = call;
    BeginIrqWait(locked->first, locked->second, out);
    return;
  }
  IssueMany(call, Origin::kIrq, out);
}

// csd_lock(): a csd that a many-call to these needs, and the call that it is in
// use for. In a list of its own a many-call is one element, with one lock.
std::optional<std::pair<CpuId, Seq>> Cpu::LockedCsd(const CpuMask& cpus) const {
  const bool one_lock = config_.profile.many_ring == ManyRing::kOwnListAlways;
  for (const auto& [dst, peer] : peers_) {
    if (peer.many_csd != 0 && (one_lock || cpus.Has(dst))) {
      return std::pair(dst, peer.many_csd);
    }
  }
  return std::nullopt;
}

void Cpu::IssueMany(const CallMany& call, Origin origin, CpuEffects& out) {
  ManyCall many{.number = many_.empty() ? 1 : many_.back().number + 1};
  cfd_mask_ = {};
  for (const CpuId dst : call.cpus.cpus()) {
    HeldCall one{.token = call.token,
                 .origin = origin,
                 .dst = dst,
                 .func = call.func,
                 .wait = call.wait,
                 // The own CPU's part needs no csd, and no ring.
                 .many = dst == config_.id ? 0 : many.number,
                 .payload = call.payload};
    if (!SeesOnline(dst)) {
      Refuse(one, Errno::kEnxio, out);
      continue;
    }
    const Seq seq = Issue(std::move(one), out);
    if (seq == 0) continue;
    peers_.at(dst).many_csd = seq;
    cfd_mask_.Add(dst);
    many.parts.push_back({.dst = dst, .seq = seq});
  }
  many.unqueued = many.parts.size();
  if (many.unqueued > 0) many_.push_back(std::move(many));
}

bool Cpu::MayOweRing(const Outgoing& call) const {
  return call.state == Outgoing::State::kSent ||
         (call.many != 0 &&
          std::any_of(many_.begin(), many_.end(), [&](const ManyCall& m) {
            return m.number == call.many;
          }));
}

void Cpu::NoteManyQueued(const Enqueued& e, Outgoing& call, CpuEffects& out) {
  const std::uint32_t number = call.many;
  const auto many =
      std::find_if(many_.begin(), many_.end(),
                   [&](const ManyCall& m) { return m.number == number; });
  if (config_.split_doorbell &&
      RingDue(config_.profile, /*many=*/true, e.was_empty)) {
    for (ManyCall::Part& part : many->parts) {
      if (part.dst == e.from) part.due = true;
    }
  } else {
    DecideRing(e, call, out);
  }
  CountDownMany(number, out);
}

// Once all are queued, or will never be.
void Cpu::CountDownMany(std::uint32_t number, CpuEffects& out) {
  const auto found =
      std::find_if(many_.begin(), many_.end(),
                   [&](const ManyCall& m) { return m.number == number; });
  if (--found->unqueued > 0) return;
  const ManyCall many = std::move(*found);
  many_.erase(found);
  RingMany(many, out);
}

// arch_send_call_function_ipi_mask(). Whom it rings is read now, and where the
// mask is the CPU's, not the call's, another many-call may have written it
// since: then those are not rung that have been queued for.
void Cpu::RingMany(const ManyCall& many, CpuEffects& out) {
  const bool shared = config_.profile.many_mask == ManyMask::kShared;
  for (const ManyCall::Part& part : many.parts) {
    Outgoing* call = peers_.at(part.dst).out.Find(part.seq);
    if (call == nullptr) continue;
    if (part.due) {
      call->rang = !shared || cfd_mask_.Has(part.dst);
      TraceEvent event = Event(call->rang ? TraceKind::kIpiSendCpu
                                          : TraceKind::kIpiSuppressed);
      event.about = part.dst;
      event.func = call->func;
      event.csd = CsdKey{config_.id, config_.incarnation, part.seq};
      out.push_back(Trace{std::move(event)});
      if (call->rang) out.push_back(SendRing{part.dst, part.seq});
    }
    if (!call->wait || config_.profile.wait_guard == WaitGuard::kUntilRung) {
      ReleaseGuard(*call);
    }
    if (call->origin == Origin::kTask) {
      out.push_back(CallQueued{call->token, part.dst});
    }
  }
}

}  // namespace belfry::kernel
