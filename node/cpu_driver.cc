#include "node/cpu_driver.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <variant>

#include "kernel/gate.h"

namespace belfry::node {

using kernel::TraceKind;

CpuDriver::CpuDriver(kernel::CpuConfig config, std::size_t trace_events,
                     std::chrono::nanoseconds csd_lock_timeout,
                     Surroundings around)
    : around_(around),
      csd_lock_timeout_(csd_lock_timeout),
      cpu_(config),
      ledger_(config.id),
      trace_(config.id, trace_events) {}

void CpuDriver::Feed(kernel::CpuEvent event) {
  if (around_.gates->enabled()) {
    const std::string gate = kernel::GateOf(event, cpu_);
    if (!gate.empty()) {
      around_.gates->Pass(gate, [this, event] { Deliver(event); });
      return;
    }
  }
  Deliver(std::move(event));
}

// An effect may feed the next event at once (a raised interrupt, a function
// that has returned): it waits its turn until all effects before it are carried
// out.
void CpuDriver::Deliver(kernel::CpuEvent event) {
  mailbox_.push_back(std::move(event));
  if (stepping_) return;
  stepping_ = true;
  while (!mailbox_.empty()) {
    kernel::CpuEvent next = std::move(mailbox_.front());
    mailbox_.pop_front();
    effects_.clear();
    cpu_.Step(std::move(next), effects_);
    for (kernel::CpuEffect& effect : effects_) CarryOut(effect);
    AfterStep();
  }
  stepping_ = false;
}

void CpuDriver::CarryOut(kernel::CpuEffect& effect) {
  std::visit(
      [this](auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, kernel::Tell>) {
          around_.outlet->Tell(e.message);
        } else if constexpr (std::is_same_v<E, kernel::CallQueued>) {
          around_.outlet->OnCallQueued(e.token);
        } else if constexpr (std::is_same_v<E, kernel::CallEnded>) {
          around_.outlet->OnCallEnded(e);
        } else if constexpr (requires { around_.outlet->Send(e); }) {
          around_.outlet->Send(e);
        } else {
          On(e);
        }
      },
      effect);
}

void CpuDriver::On(kernel::RaiseIrq&) { Feed(kernel::IrqEntry{}); }

void CpuDriver::On(kernel::RingSelf& effect) {
  Feed(kernel::Doorbell{effect.key});
}

void CpuDriver::On(kernel::NextStep& effect) {
  Feed(kernel::RunStep{effect.walk, effect.step});
}

void CpuDriver::On(kernel::RunFunction& effect) {
  if (!around_.gates->enabled()) return Run(std::move(effect));
  around_.gates->Pass("run", [this, effect] { Run(effect); });
}

void CpuDriver::Run(kernel::RunFunction effect) {
  kernel::FuncId id = effect.func;
  if (effect.context == kernel::Context::kStop) {
    const auto known = around_.functions->Intern(effect.func_name);
    if (!known) {
      Deliver(kernel::FunctionReturned{kernel::Errno::kEnosys, {}});
      return;
    }
    id = *known;
  }
  const auto call = [functions = around_.functions, id, src = effect.src,
                     cpu = cpu_.id(), payload = std::move(effect.payload)] {
    FunctionResult result = functions->Run(id, {cpu, src, payload});
    return kernel::FunctionReturned{result.error, std::move(result.payload)};
  };
  if (!around_.functions->IsLong(id)) return Deliver(call());
  thread_.Run([this, call] {
    const kernel::FunctionReturned returned = call();
    around_.loop->Post([this, returned] { Deliver(returned); });
  });
}

void CpuDriver::On(kernel::Trace& effect) {
  ledger_.Apply(effect.event);
  Remember(effect.event);
  around_.outlet->OnTrace(effect.event);
  trace_.Add(around_.clock->Tick(), std::move(effect.event));
}

void CpuDriver::Remember(const kernel::TraceEvent& event) {
  switch (event.kind) {
    case TraceKind::kCsdEnqueued:
      queue_times_.push_back(std::chrono::system_clock::now());
      return;
    case TraceKind::kCsdQueueCpu:
      issues_[*event.about].push_back(
          {event.csd->seq, std::chrono::system_clock::now()});
      return;
    case TraceKind::kCsdDone:
      ForgetEnded(*event.about);
      return;
    case TraceKind::kIpiLatched:
    case TraceKind::kIpiCleared:
    case TraceKind::kCallFunctionSingleEntry:
      doorbell_time_ = std::chrono::system_clock::now();
      return;
    case TraceKind::kCsdLost:
      // The next incarnation's calls are numbered from 1 again.
      issues_.erase(*event.about);
      return;
    default:
      return;
  }
}

void CpuDriver::ForgetEnded(kernel::CpuId dst) {
  std::deque<Issue>& issues = issues_[dst];
  const auto peer = cpu_.peers().find(dst);
  const kernel::Seq lowest =
      peer == cpu_.peers().end() ? 0 : peer->second.out.lowest();
  while (!issues.empty() && issues.front().seq < lowest) issues.pop_front();
}

void CpuDriver::AfterStep() {
  // Calls leave the queue from its head.
  while (queue_times_.size() > cpu_.queue().size()) queue_times_.pop_front();
}

void CpuDriver::Watch() {
  Feed(kernel::Retry{});
  const TimePoint limit =
      std::chrono::system_clock::now() -
      std::chrono::duration_cast<TimePoint::duration>(csd_lock_timeout_);
  std::vector<kernel::Overdue> overdue;
  for (const auto& [dst, issues] : issues_) {
    for (const Issue& issue : issues) {
      if (issue.time > limit) break;
      overdue.push_back({dst, issue.seq});
    }
  }
  for (const kernel::Overdue& event : overdue) Feed(event);
}

TimePoint CpuDriver::issue_time(kernel::CpuId dst, kernel::Seq seq) const {
  const auto issues = issues_.find(dst);
  if (issues == issues_.end()) return {};
  const auto issue =
      std::lower_bound(issues->second.begin(), issues->second.end(), seq,
                       [](const Issue& i, kernel::Seq s) { return i.seq < s; });
  return issue == issues->second.end() ? TimePoint{} : issue->time;
}

std::uint32_t CpuDriver::doorbells_in_flight() const {
  return around_.gates->waiting("latch");
}

}  // namespace belfry::node
