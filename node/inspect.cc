#include "node/inspect.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "rpc/codec.h"

namespace belfry::node {
namespace {

using kernel::Cpu;
using kernel::CpuId;
using kernel::Csd;
using kernel::Seq;

void FillCall(const CpuDriver& driver, const Csd& csd, v1::QueuedCall* out) {
  out->set_src_cpu(csd.key.src.value);
  out->set_seq(csd.key.seq);
  out->set_function(driver.functions().NameOf(csd.func));
  out->set_wait(csd.wait);
}

std::map<std::string, std::uint32_t> ByFunction(const CpuDriver& driver) {
  std::map<std::string, std::uint32_t> counts;
  for (const Csd& csd : driver.cpu().queue().calls()) {
    ++counts[driver.functions().NameOf(csd.func)];
  }
  return counts;
}

template <typename Message>
void FillByFunction(const CpuDriver& driver, Message* out) {
  for (const auto& [function, count] : ByFunction(driver)) {
    v1::FunctionCount* entry = out->add_by_function();
    entry->set_function(function);
    entry->set_count(count);
  }
}

void FillQueue(const CpuDriver& driver, std::uint32_t max,
               v1::CpuSnapshot* out) {
  const auto& calls = driver.cpu().queue().calls();
  out->set_depth(static_cast<std::uint32_t>(calls.size()));
  FillByFunction(driver, out);
  const std::size_t count = std::min<std::size_t>(calls.size(), max);
  for (std::size_t i = 0; i < count; ++i) {
    v1::QueuedCall* call = out->add_queue();
    FillCall(driver, calls[i], call);
    *call->mutable_queue_time() = rpc::ToTimestamp(driver.queue_time(i));
  }
  if (const auto& drain = driver.cpu().drain()) {
    const std::size_t running = drain->running ? 1 : 0;
    out->set_taken(drain->calls.size() - running);
    if (drain->running) {
      FillCall(driver, drain->calls.front(), out->mutable_running());
    }
  }
}

void FillDoorbell(const CpuDriver& driver, v1::CpuSnapshot* out) {
  using Kind = kernel::DoorbellFate::Kind;
  const Cpu& cpu = driver.cpu();
  out->set_latched(cpu.latched());
  out->set_doorbells_in_flight(driver.doorbells_in_flight());
  v1::Doorbell* doorbell = out->mutable_last_doorbell();
  switch (cpu.last_doorbell().kind) {
    case Kind::kNone:
      doorbell->set_fate(v1::Doorbell::FATE_NONE);
      return;
    case Kind::kLatched:
      doorbell->set_fate(v1::Doorbell::FATE_LATCHED);
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
  *doorbell->mutable_time() = rpc::ToTimestamp(driver.doorbell_time());
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
  } else {
    out->add_frames("belfry_call");
  }
  out->add_frames("smp_call_function_single");
  out->add_frames("generic_exec_single");
}

v1::OutgoingCall::State StateOf(const kernel::Outgoing& call) {
  return call.state == kernel::Outgoing::State::kSent
             ? v1::OutgoingCall::STATE_SENT
             : v1::OutgoingCall::STATE_QUEUED;
}

// Waiting calls first: they are what somebody hangs on.
void FillOutgoing(const CpuDriver& driver, std::uint32_t max,
                  v1::CpuSnapshot* out) {
  const Cpu& cpu = driver.cpu();
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
        call->set_function(driver.functions().NameOf(c.func));
        call->set_wait(c.wait);
        call->set_state(StateOf(c));
        *call->mutable_issue_time() =
            rpc::ToTimestamp(driver.issue_time(dst_id, seq));
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
    call->set_function(driver.functions().NameOf(held.func));
    call->set_wait(held.wait);
    call->set_state(v1::OutgoingCall::STATE_BACKED_OFF);
  }
  out->set_outgoing_total(total);
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

void FillLedger(const CpuDriver& driver, v1::CpuSnapshot* out) {
  const Cpu& cpu = driver.cpu();
  for (const auto& [dst, row] : driver.ledger().rows()) {
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
  for (const auto& [source, row] : driver.ledger().inbound()) {
    const auto peer = cpu.peers().find(source.first);
    v1::InboundRow* r = out->add_inbound();
    r->set_src_cpu(source.first.value);
    r->set_src_incarnation(source.second.value);
    r->set_enqueued(row.enqueued);
    r->set_run(row.run);
    r->set_queued(row.queued());
    r->set_dropped(row.dropped);
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

v1::CpuSnapshot Snapshot(const CpuDriver& driver,
                         const rpc::LamportClock& clock,
                         std::uint32_t max_entries) {
  const Cpu& cpu = driver.cpu();
  v1::CpuSnapshot out;
  out.set_cpu(cpu.id().value);
  out.set_incarnation(cpu.incarnation().value);
  out.set_life(std::string(kernel::LifeName(cpu.life())));
  *out.mutable_view() = rpc::ToProto(cpu.view());
  out.set_irqs_masked(cpu.irqs_masked());
  out.set_guards(cpu.guards());
  out.set_held_tasks(cpu.held_tasks().size());
  out.set_io_completions_held(cpu.device_irqs());
  FillQueue(driver, max_entries, &out);
  FillDoorbell(driver, &out);
  FillOutgoing(driver, max_entries, &out);
  FillStop(cpu, &out);
  FillStep(cpu, &out);
  FillLedger(driver, &out);
  out.set_doorbells_taken(driver.ledger().doorbells_taken());
  out.set_ran_while_offline(driver.ledger().ran_late());
  out.set_duplicates_dropped(driver.ledger().duplicates());
  for (const std::string& name : driver.functions().names()) {
    out.add_functions(name);
  }
  out.set_lamport(clock.now());
  *out.mutable_time() = rpc::ToTimestamp(std::chrono::system_clock::now());
  return out;
}

v1::CallTotals Totals(const CpuDriver& driver) {
  v1::CallTotals totals;
  for (const auto& [dst, row] : driver.ledger().rows()) {
    totals.set_issued(totals.issued() + row.issued);
    totals.set_completed(totals.completed() + row.completed);
    totals.set_refused(totals.refused() + row.refused_total());
    totals.set_lost(totals.lost() + row.lost);
    totals.set_outstanding(totals.outstanding() +
                           CallsUnderWay(driver.cpu(), dst));
  }
  return totals;
}

v1::NodeReport Report(const CpuDriver& driver) {
  const Cpu& cpu = driver.cpu();
  v1::NodeReport report;
  report.set_depth(static_cast<std::uint32_t>(cpu.queue().size()));
  FillByFunction(driver, &report);
  if (!cpu.queue().empty()) {
    *report.mutable_head_time() = rpc::ToTimestamp(driver.queue_time(0));
  }
  report.set_latched(cpu.latched());
  report.set_calls_carried(driver.ledger().carried());
  *report.mutable_ledger() = Totals(driver);
  TimePoint oldest = TimePoint::max();
  for (const auto& [dst, peer] : cpu.peers()) {
    peer.out.ForEach([&, dst_id = dst](Seq seq, const kernel::Outgoing& call) {
      if (!call.wait) return;
      oldest = std::min(oldest, driver.issue_time(dst_id, seq));
      if (call.stuck) report.set_waiters_stuck(report.waiters_stuck() + 1);
    });
  }
  const TimePoint limit = driver.overdue_before();
  for (const kernel::HeldCall& held : cpu.backed_off()) {
    if (held.issued_as == 0) continue;
    const TimePoint issued = driver.issue_time(held.dst, held.issued_as);
    oldest = std::min(oldest, issued);
    if (issued < limit) {
      report.set_waiters_stuck(report.waiters_stuck() + 1);
    }
  }
  if (oldest != TimePoint::max()) {
    *report.mutable_oldest_waiter_time() = rpc::ToTimestamp(oldest);
  }
  if (cpu.walk()) {
    report.set_step(cpu.walk()->waiting_step.value_or(cpu.walk()->state));
  }
  return report;
}

std::string DescribeState(const CpuDriver& driver) {
  const Cpu& cpu = driver.cpu();
  return absl::StrCat("cpu ", cpu.id().value, ": ",
                      std::string(kernel::LifeName(cpu.life())), ", irqs ",
                      cpu.irqs_masked() ? "masked" : "enabled", ", queue ",
                      cpu.queue().size(), ", view ", cpu.view().number,
                      " online ", kernel::FormatCpuList(cpu.view().online));
}

}  // namespace belfry::node
