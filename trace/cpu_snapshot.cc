#include "trace/cpu_snapshot.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "trace/codec.h"

namespace belfry::trace {
namespace {

using kernel::Cpu;
using kernel::CpuId;
using kernel::Csd;
using kernel::Seq;

void FillCall(const CpuFacts& facts, const Csd& csd, v1::QueuedCall* out) {
  out->set_src_cpu(csd.key.src.value);
  out->set_seq(csd.key.seq);
  out->set_function(facts.name_of(csd.func));
  out->set_wait(csd.wait);
}

void FillQueue(const CpuFacts& facts, std::uint32_t max, v1::CpuSnapshot* out) {
  const auto& calls = facts.cpu.queue().calls();
  out->set_depth(static_cast<std::uint32_t>(calls.size()));
  FillByFunction(facts, out);
  const std::size_t count = std::min<std::size_t>(calls.size(), max);
  for (std::size_t i = 0; i < count; ++i) {
    v1::QueuedCall* call = out->add_queue();
    FillCall(facts, calls[i], call);
    *call->mutable_queue_time() = ToTimestamp(facts.times.queued(i));
  }
  if (const auto& drain = facts.cpu.drain()) {
    const std::size_t running = drain->running ? 1 : 0;
    out->set_taken(drain->calls.size() - running);
    if (drain->running) {
      FillCall(facts, drain->calls.front(), out->mutable_running());
    }
  }
}

void FillDoorbell(const CpuFacts& facts, v1::CpuSnapshot* out) {
  using Kind = kernel::DoorbellFate::Kind;
  const Cpu& cpu = facts.cpu;
  out->set_latched(cpu.latched());
  out->set_doorbells_in_flight(facts.doorbells_in_flight);
  v1::Doorbell* doorbell = out->mutable_last_doorbell();
  switch (cpu.last_doorbell().kind) {
    case Kind::kNone:
      doorbell->set_fate(v1::Doorbell::FATE_NONE);
      return;
    case Kind::kLatched:
      doorbell->set_fate(v1::Doorbell::FATE_LATCHED);
      break;
    case Kind::kFlagged:
      doorbell->set_fate(v1::Doorbell::FATE_FLAGGED);
      break;
    case Kind::kTaken:
      doorbell->set_fate(v1::Doorbell::FATE_TAKEN);
      break;
    case Kind::kClearedByReset:
      doorbell->set_fate(v1::Doorbell::FATE_CLEARED_BY_RESET);
      break;
  }
  doorbell->set_src_cpu(cpu.last_doorbell().key.src.value);
  doorbell->set_seq(cpu.last_doorbell().key.seq);
  *doorbell->mutable_time() = ToTimestamp(facts.times.doorbell());
}

// The chain of frames as a crash dump shows it, in the kernel's own names.
void FillFrames(const Cpu& cpu, const kernel::Outgoing& call,
                v1::OutgoingCall* out) {
  if (!call.wait) return;
  if (call.origin == kernel::Origin::kStep && cpu.walk()) {
    const bool up = cpu.walk()->request.from < cpu.walk()->request.to;
    out->add_frames(up ? "cpu_up" : "cpu_down");
    out->add_frames("notifier_call_chain");
    const kernel::CpuhpTable table(cpu.profile().steps);
    if (cpu.walk()->waiting_step) {
      out->add_frames(std::string(table.Find(*cpu.walk()->waiting_step)->name));
    }
  } else if (call.origin == kernel::Origin::kIrq) {
    out->add_frames("do_IRQ");
    out->add_frames("blk_complete_request");
  } else {
    out->add_frames("belfry_call");
  }
  if (call.many != 0) {
    out->add_frames("smp_call_function_many");
    return;
  }
  out->add_frames("smp_call_function_single");
  out->add_frames("generic_exec_single");
}

v1::OutgoingCall::State StateOf(const Cpu& cpu, const kernel::Outgoing& call) {
  return cpu.MayOweRing(call) ? v1::OutgoingCall::STATE_SENT
                              : v1::OutgoingCall::STATE_QUEUED;
}

// Waiting calls first: they are what somebody hangs on.
void FillOutgoing(const CpuFacts& facts, std::uint32_t max,
                  v1::CpuSnapshot* out) {
  const Cpu& cpu = facts.cpu;
  std::uint64_t total = 0;
  for (const bool wait : {true, false}) {
    for (const auto& [dst, peer] : cpu.peers()) {
      peer.out.ForEach([&, dst_id = dst](Seq seq, const kernel::Outgoing& c) {
        if (c.wait != wait) return;
        ++total;
        if (out->outgoing_size() >= static_cast<int>(max)) return;
        v1::OutgoingCall* call = out->add_outgoing();
        call->set_cpu(dst_id.value);
        call->set_seq(seq);
        call->set_function(facts.name_of(c.func));
        call->set_wait(c.wait);
        call->set_state(StateOf(cpu, c));
        *call->mutable_issue_time() =
            ToTimestamp(facts.times.issued(dst_id, seq));
        call->set_stuck(c.stuck);
        call->set_rang(c.rang);
        call->set_ring_latched(c.ring_latched);
        FillFrames(cpu, c, call);
      });
    }
  }
  for (const kernel::HeldCall& held : cpu.backed_off()) {
    ++total;
    if (out->outgoing_size() >= static_cast<int>(max)) continue;
    v1::OutgoingCall* call = out->add_outgoing();
    call->set_cpu(held.dst.value);
    call->set_function(facts.name_of(held.func));
    call->set_wait(held.wait);
    call->set_state(v1::OutgoingCall::STATE_BACKED_OFF);
  }
  out->set_outgoing_total(total);
}

void FillWork(const kernel::StopWork& work, v1::StopperStatus* out) {
  if (!work.pair) return;
  v1::StopTwoWork* row = out->add_works();
  row->mutable_key()->set_cpu(work.pair->key.src.value);
  row->mutable_key()->set_incarnation(work.pair->key.src_incarnation.value);
  row->mutable_key()->set_number(work.pair->key.seq);
  row->set_partner(work.pair->partner.value);
  if (work.acted != kernel::MultiStopState::kNone) {
    row->set_state(std::string(kernel::MultiStopStateName(work.acted)));
  }
  row->set_acked(work.acked);
}

void FillStopper(const Cpu& cpu, v1::CpuSnapshot* out) {
  v1::StopperStatus* stopper = out->mutable_stopper();
  stopper->set_enabled(cpu.stopper().enabled);
  stopper->set_closed_generation(cpu.closed_generation().value);
  stopper->set_asleep(!cpu.stopper().awake);
  if (cpu.stop()) FillWork(*cpu.stop(), stopper);
  for (const kernel::StopWork& work : cpu.stopper().works) {
    FillWork(work, stopper);
  }
}

void FillStopTwo(const Cpu& cpu, v1::CpuSnapshot* out) {
  out->set_stop_two_tasks(cpu.stop_two_tasks().size());
  out->set_stop_twos(cpu.stop_twos());
  const auto& stop = cpu.stop_two();
  if (!stop) return;
  v1::StopTwoStatus* status = out->mutable_stop_two();
  status->set_number(stop->number);
  status->set_a(stop->task.a.value);
  status->set_b(stop->task.b.value);
  status->set_phase(std::string(kernel::StopTwoPhaseName(stop->phase)));
  status->set_state(
      std::string(kernel::MultiStopStateName(stop->barrier.state())));
  status->set_missing(kernel::FormatCpuList(stop->barrier.missing()));
  kernel::CpuMask to_wake;
  for (const CpuId cpu_id : stop->wakes) to_wake.Add(cpu_id);
  status->set_to_wake(kernel::FormatCpuList(to_wake));
}

void FillStop(const Cpu& cpu, v1::CpuSnapshot* out) {
  const auto& stop = cpu.stop();
  if (!stop) return;
  v1::StopStatus* status = out->mutable_stop();
  status->set_generation(stop->generation.value);
  status->set_state(std::string(kernel::MultiStopStateName(stop->acted)));
  status->set_acked(stop->acked && stop->acted == stop->published);
  if (stop->active) status->set_active(absl::StrCat(cpu.id().value));
}

void FillStep(const Cpu& cpu, v1::CpuSnapshot* out) {
  const auto& walk = cpu.walk();
  if (!walk) return;
  const kernel::CpuhpTable table(cpu.profile().steps);
  const kernel::CpuhpStep* step =
      walk->waiting_step ? table.Find(*walk->waiting_step)
                         : table.Next(walk->state, walk->request.to);
  if (step != nullptr) out->set_step(std::string(step->name));
  out->set_step_cpu(walk->request.about.value);
}

void FillLedger(const CpuFacts& facts, v1::CpuSnapshot* out) {
  const Cpu& cpu = facts.cpu;
  for (const auto& [dst, row] : facts.ledger.rows()) {
    v1::LedgerRow* r = out->add_ledger();
    r->set_src_cpu(cpu.id().value);
    r->set_cpu(dst.value);
    r->set_issued(row.issued);
    r->set_completed(row.completed);
    r->set_refused(row.refused_total());
    for (const auto& [error, count] : row.refused) {
      v1::ErrnoCount* e = r->add_refused_by_errno();
      e->set_errno_name(std::string(kernel::ErrnoName(error)));
      e->set_count(count);
    }
    r->set_lost(row.lost);
    r->set_pending(CallsUnderWay(cpu, dst));
  }
  for (const auto& [source, row] : facts.ledger.inbound()) {
    const auto peer = cpu.peers().find(source.first);
    v1::InboundRow* r = out->add_inbound();
    r->set_src_cpu(source.first.value);
    r->set_src_incarnation(source.second.value);
    r->set_enqueued(row.enqueued);
    r->set_run(row.run);
    r->set_queued(row.queued());
    r->set_dropped(row.dropped);
    r->set_returned(row.returned);
    r->set_closed(peer == cpu.peers().end() || peer->second.gone ||
                  peer->second.incarnation != source.second);
  }
}

}  // namespace

// Pending is counted from the calls themselves, not from the ledger: so the sum
// of a row can be wrong, and is worth auditing.
std::uint64_t CallsUnderWay(const Cpu& cpu, CpuId dst) {
  const auto peer = cpu.peers().find(dst);
  std::uint64_t count = peer == cpu.peers().end() ? 0 : peer->second.out.size();
  for (const auto* calls : {&cpu.backed_off(), &cpu.held_tasks()}) {
    for (const kernel::HeldCall& held : *calls) {
      if (held.dst == dst && held.issued_as != 0) ++count;
    }
  }
  return count;
}

v1::CpuSnapshot MakeSnapshot(const CpuFacts& facts, std::uint32_t max_entries) {
  const Cpu& cpu = facts.cpu;
  v1::CpuSnapshot out;
  out.set_cpu(cpu.id().value);
  out.set_incarnation(cpu.incarnation().value);
  out.set_life(std::string(kernel::LifeName(cpu.life())));
  *out.mutable_view() = ToProto(cpu.view());
  out.set_irqs_masked(cpu.irqs_masked());
  out.set_guards(cpu.guards());
  out.set_need_resched(cpu.need_resched());
  out.set_blk_cpu_done(cpu.blk_cpu_done());
  out.set_held_tasks(cpu.held_tasks().size() + cpu.held_many().size());
  out.set_io_completions_held(cpu.device_irqs());
  FillQueue(facts, max_entries, &out);
  FillDoorbell(facts, &out);
  FillOutgoing(facts, max_entries, &out);
  FillStop(cpu, &out);
  FillStopper(cpu, &out);
  FillStopTwo(cpu, &out);
  FillStep(cpu, &out);
  FillLedger(facts, &out);
  out.set_doorbells_taken(facts.ledger.doorbells_taken());
  out.set_ran_while_offline(facts.ledger.ran_late());
  out.set_duplicates_dropped(facts.ledger.duplicates());
  out.set_irqs_lost(facts.ledger.irqs_lost());
  out.set_irqs_refused(facts.ledger.irqs_refused());
  out.set_report_owed(cpu.report_owed());
  out.set_readers(cpu.readers());
  out.set_readers_wanted(cpu.readers_wanted());
  out.set_throttled(cpu.walk_throttled());
  for (const CpuId wakes : cpu.timers()) out.add_timers(wakes.value);
  return out;
}

}  // namespace belfry::trace
