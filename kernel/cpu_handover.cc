// What a CPU that goes hands over to those that stay: the interrupts of its
// devices; and its last report.
#include <array>
#include <utility>

#include "kernel/cpu.h"

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, 2> kStageNames = {"fixup_irqs",
                                                          "report_dead"};

}  // namespace

absl::string_view OfflineStageName(OfflineStage stage) {
  return kStageNames[static_cast<std::size_t>(stage)];
}

std::optional<OfflineStage> ParseOfflineStage(absl::string_view name) {
  for (std::size_t i = 0; i < kStageNames.size(); ++i) {
    if (kStageNames[i] == name) return static_cast<OfflineStage>(i);
  }
  return std::nullopt;
}

void Cpu::On(DeviceIrq& e, CpuEffects& out) {
  const bool silent =
      stop_ && stop_->run == StopWork::Run::kFixupIrqs &&
      config_.profile.irq_migration == IrqMigration::kSilenceFirst;
  if (silent) {
    TraceEvent event = Event(TraceKind::kIrqLost);
    event.about = e.submitter;
    out.push_back(Trace{std::move(event)});
    return;
  }
  if (device_irqs_.size() >= config_.queue_capacity) {
    // Refused, not lost: nothing had been asked of a CPU yet.
    TraceEvent event = Event(TraceKind::kIrqRefused);
    event.about = e.submitter;
    event.value = static_cast<std::int64_t>(Errno::kEnobufs);
    out.push_back(Trace{std::move(event)});
    return;
  }
  device_irqs_.push_back(std::move(e));
}

void Cpu::On(RunStage& e, CpuEffects& out) {
  switch (e.stage) {
    case OfflineStage::kFixupIrqs:
      if (stop_ && stop_->run == StopWork::Run::kFixupIrqs) FixupIrqs(out);
      return;
    case OfflineStage::kReportDead:
      if (report_owed_ && life_ == Life::kShouldDie) ReportDead(out);
      return;
  }
}

// fixup_irqs() of arch/x86/kernel/irq.c: the affinity of every interrupt moves,
// and what the controller has latched until then is retriggered on another CPU.
// From here on a device of this CPU has nobody to interrupt, and completes
// nothing until the CPU is back.
void Cpu::FixupIrqs(CpuEffects& out) {
  for (const DeviceIrq& irq : std::exchange(device_irqs_, {})) {
    // A CPU's own interrupt has no affinity to move.
    if (!irq.calls.empty()) {
      device_irqs_.push_back(irq);
      continue;
    }
    TraceEvent event = Event(TraceKind::kIrqRetrigger);
    event.about = irq.submitter;
    out.push_back(Trace{std::move(event)});
    stop_->handover.device_irqs.push_back(irq.submitter);
  }
  if (config_.profile.irq_migration == IrqMigration::kScanFirst) {
    SilenceController(out);
  }
  stop_->run = StopWork::Run::kDying;
}

void Cpu::SilenceController(CpuEffects& out) {
  out.push_back(Trace{Event(TraceKind::kApicSoftDisable)});
}

// rcu_report_dead(): no grace period waits for this CPU any more.
void Cpu::ReportDead(CpuEffects& out) {
  out.push_back(Trace{Event(TraceKind::kRcuReportDead)});
  report_owed_ = false;
  Die(out);
  out.push_back(Tell{Dead{}});
}

// What it owes it will never pay.
void Cpu::On(PowerOff&, CpuEffects& out) {
  if (!report_owed_ || life_ != Life::kShouldDie) return;
  out.push_back(Trace{Event(TraceKind::kPowerOff)});
  Die(out);
}

// As cpumask_any_and() of those that are online chooses.
void Cpu::TakeOver(const Handover& handover, CpuEffects& out) {
  if (view_.online.first() != config_.id) return;
  if (config_.profile.timer_migration == TimerMigration::kDying) {
    AdoptTimers(handover, out);
  }
  for (const CpuId submitter : handover.device_irqs) {
    device_irqs_.push_back({.submitter = submitter});
  }
}

}  // namespace belfry::kernel
