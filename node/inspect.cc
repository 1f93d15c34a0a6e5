#include "node/inspect.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "rpc/codec.h"

namespace belfry::node {
namespace {

using kernel::Cpu;
using kernel::Seq;

v1::CallTotals Totals(const CpuDriver& driver) {
  v1::CallTotals totals;
  for (const auto& [dst, row] : driver.ledger().rows()) {
    totals.set_issued(totals.issued() + row.issued);
    totals.set_completed(totals.completed() + row.completed);
    totals.set_refused(totals.refused() + row.refused_total());
    totals.set_lost(totals.lost() + row.lost);
    totals.set_outstanding(totals.outstanding() +
                           trace::CallsUnderWay(driver.cpu(), dst));
  }
  return totals;
}

}  // namespace

v1::CpuSnapshot Snapshot(const CpuDriver& driver,
                         const rpc::LamportClock& clock,
                         std::uint32_t max_entries) {
  v1::CpuSnapshot out = trace::MakeSnapshot(driver.facts(), max_entries);
  for (const std::string& name : driver.functions().names()) {
    out.add_functions(name);
  }
  out.set_lamport(clock.now());
  *out.mutable_time() = rpc::ToTimestamp(std::chrono::system_clock::now());
  return out;
}

v1::NodeReport Report(const CpuDriver& driver) {
  const Cpu& cpu = driver.cpu();
  v1::NodeReport report;
  report.set_depth(static_cast<std::uint32_t>(cpu.queue().size()));
  trace::FillByFunction(driver.facts(), &report);
  if (!cpu.queue().empty()) {
    *report.mutable_head_time() = rpc::ToTimestamp(driver.times().queued(0));
  }
  report.set_latched(cpu.latched());
  report.set_calls_carried(driver.ledger().carried());
  *report.mutable_ledger() = Totals(driver);
  TimePoint oldest = TimePoint::max();
  for (const auto& [dst, issues] : driver.times().issues()) {
    const auto peer = cpu.peers().find(dst);
    if (peer == cpu.peers().end()) continue;
    peer->second.out.ForEach(
        [&, dst_id = dst](Seq seq, const kernel::Outgoing& call) {
          if (!call.wait) return;
          oldest = std::min(oldest, driver.times().issued(dst_id, seq));
          if (call.stuck) report.set_waiters_stuck(report.waiters_stuck() + 1);
        });
  }
  const TimePoint limit = driver.overdue_before();
  for (const kernel::HeldCall& held : cpu.backed_off()) {
    if (held.issued_as == 0) continue;
    const TimePoint issued = driver.times().issued(held.dst, held.issued_as);
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
