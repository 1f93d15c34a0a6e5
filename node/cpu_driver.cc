#include "node/cpu_driver.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "kernel/event_text.h"
#include "kernel/gate.h"

namespace belfry::node {

namespace {

// A wall clock that moves by less is steered, not set.
constexpr std::chrono::seconds kClockSet{1};

std::chrono::nanoseconds ClockLead() {
  return std::chrono::system_clock::now().time_since_epoch() -
         std::chrono::steady_clock::now().time_since_epoch();
}

kernel::FunctionReturned TooLong() { return {kernel::Errno::kEnobufs, {}}; }

}  // namespace

CpuDriver::CpuDriver(kernel::CpuConfig config, std::size_t trace_events,
                     const Times& times, Surroundings around)
    : around_(around),
      lengths_(times),
      cpu_(config),
      ledger_(config.id),
      trace_(config.id, config.incarnation, trace_events),
      clock_lead_(ClockLead()) {}

void CpuDriver::Feed(kernel::CpuEvent event) {
  if (around_.gates->enabled()) {
    const std::string gate = kernel::GateOf(event, cpu_);
    if (!gate.empty()) {
      around_.gates->Pass(gate, kernel::EventText(event, cpu_.id()),
                          [this, event] { Deliver(event); });
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
  if (!stepping_) StepAll();
}

void CpuDriver::StepAll() {
  stepping_ = true;
  while (!mailbox_.empty()) {
    kernel::CpuEvent next = std::move(mailbox_.front());
    mailbox_.pop_front();
    effects_.clear();
    now_ = std::chrono::system_clock::now();
    if (const auto* up = std::get_if<kernel::LinkUp>(&next)) {
      around_.outlet->OnLinkUp(*up);
    }
    cpu_.Step(std::move(next), effects_);
    for (kernel::CpuEffect& effect : effects_) CarryOut(effect);
    times_.Trim(cpu_.queue().size());
  }
  stepping_ = false;
  around_.outlet->Flush();
}

void CpuDriver::CarryOut(kernel::CpuEffect& effect) {
  std::visit(
      [this](auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, kernel::Tell>) {
          around_.outlet->Tell(e.message);
        } else if constexpr (std::is_same_v<E, kernel::CallQueued>) {
          around_.outlet->OnCallQueued(e);
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

void CpuDriver::On(kernel::WakeIdle&) { Feed(kernel::IdleExit{}); }

void CpuDriver::On(kernel::RingSelf& effect) {
  Feed(kernel::Doorbell{effect.key});
}

void CpuDriver::On(kernel::NextStep& effect) {
  Feed(kernel::RunStep{effect.walk, effect.step});
}

void CpuDriver::On(kernel::WakeStopper&) { Feed(kernel::StopperRuns{}); }
void CpuDriver::On(kernel::NextStage& effect) {
  Feed(kernel::RunStage{effect.stage});
}

// Who holds the machine at its gates holds its time as well.
void CpuDriver::On(kernel::HoldLease& effect) {
  if (around_.gates->enabled()) return;
  leased_ = effect.generation;
  lease_end_ = std::chrono::steady_clock::now() + lengths_.stop_lease;
  if (!std::exchange(awaits_lease_, true)) AwaitLease();
}

// One timer for all leases: a later one moves the end, and the timer looks.
void CpuDriver::AwaitLease() {
  const auto left = lease_end_ - std::chrono::steady_clock::now();
  if (left > std::chrono::nanoseconds(0)) {
    around_.loop->After(left, [this] { AwaitLease(); });
    return;
  }
  awaits_lease_ = false;
  Feed(kernel::LeaseOver{leased_});
}

void CpuDriver::On(kernel::OpenWindow& effect) {
  window_ = {effect.generation, std::chrono::steady_clock::now()};
}

void CpuDriver::On(kernel::LookAtWindow& effect) {
  const auto open_for = std::chrono::steady_clock::now() - window_.second;
  const bool in_time =
      window_.first == effect.generation &&
      open_for < lengths_.stop_lease / 10 * kernel::kWindowTenths;
  Feed(
      kernel::WindowIs{effect.generation, in_time || around_.gates->enabled()});
}

void CpuDriver::On(kernel::RunFunction& effect) {
  if (!around_.gates->enabled()) return Run(std::move(effect));
  around_.gates->Pass("run",
                      kernel::EventText(kernel::FunctionReturned{}, cpu_.id()),
                      [this, effect] { Run(effect); });
}

void CpuDriver::Run(kernel::RunFunction effect) {
  kernel::FuncId id = effect.func;
  if (effect.context == kernel::Context::kStop) {
    const auto known = around_.functions->Intern(effect.func_name);
    if (!known) {
      FunctionResult unknown = around_.functions->Unknown();
      return Deliver(
          kernel::FunctionReturned{unknown.error, std::move(unknown.payload)});
    }
    id = *known;
  }
  const auto call = [functions = around_.functions, id, src = effect.src,
                     cpu = cpu_.id(), payload = std::move(effect.payload)] {
    FunctionResult result = functions->Run(id, {cpu, src, payload});
    if (result.payload.size() > kPayloadMax) return TooLong();
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
  times_.Begin(effect.event, now_);
  around_.outlet->OnTrace(effect.event);
  times_.End(effect.event);
  trace_.Add(around_.clock->Tick(), now_, std::move(effect.event));
}

TimePoint CpuDriver::overdue_before() const {
  return std::chrono::system_clock::now() -
         std::chrono::duration_cast<TimePoint::duration>(
             lengths_.csd_lock_timeout);
}

// Times are the wall clock's, for people and for Prometheus to read; ages, by
// which overdue calls are rung for again, must not hang on who sets it.
std::chrono::nanoseconds CpuDriver::FollowClock() {
  const std::chrono::nanoseconds lead = ClockLead();
  const std::chrono::nanoseconds set = lead - std::exchange(clock_lead_, lead);
  if (set < kClockSet && set > -kClockSet) return {};
  const auto by = std::chrono::duration_cast<TimePoint::duration>(set);
  times_.Shift(by);
  for (auto& [dst, rung] : rung_) rung += by;
  return set;
}

// A waiter that is overdue is told so once. Beside that one call that is
// overdue stands for all to the same target, once in a timeout: one bit covers
// its whole queue.
void CpuDriver::Watch() {
  if (!cpu_.backed_off().empty()) Feed(kernel::Retry{});
  const TimePoint limit = overdue_before();
  std::vector<kernel::Overdue> overdue;
  for (const auto& [dst, issues] : times_.issues()) {
    const auto peer = cpu_.peers().find(dst);
    if (peer == cpu_.peers().end()) continue;
    TimePoint& rung = rung_[dst];
    issues.ForEach([&, to = dst](kernel::Seq seq, TimePoint time) {
      const kernel::Outgoing* call = peer->second.out.Find(seq);
      if (call == nullptr || time >= limit) return;
      const bool ring = rung < limit;
      if (!ring && (!call->wait || call->stuck)) return;
      if (ring) rung = std::chrono::system_clock::now();
      overdue.push_back({to, seq});
    });
  }
  for (const kernel::Overdue& event : overdue) Feed(event);
}

trace::CpuFacts CpuDriver::facts() const {
  return {.cpu = cpu_,
          .ledger = ledger_,
          .times = times_,
          .doorbells_in_flight = around_.gates->waiting("latch"),
          .name_of = [this](kernel::FuncId func) {
            return around_.functions->NameOf(func);
          }};
}

}  // namespace belfry::node
