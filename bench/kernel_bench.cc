// What the protocol itself costs: calls and stop_machine rounds between values
// in memory, and what is kept about them. No wire, no thread.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/cpu.h"
#include "kernel/ledger.h"
#include "kernel/multi_stop.h"
#include "rpc/trace_ring.h"

namespace belfry::bench {
namespace {

using namespace kernel;  // NOLINT: the benchmark is about nothing else

constexpr Incarnation kFirst{1};

// CPUs that are online, with wires that take no time.
class Machine {
 public:
  explicit Machine(std::uint32_t cpus) {
    const Profile profile = PresetByName("belfry").value();
    for (std::uint32_t id = 0; id < cpus; ++id) {
      cpus_.emplace_back(CpuConfig{
          .id = CpuId{id}, .incarnation = kFirst, .profile = profile});
      for (std::uint32_t peer = 0; peer < cpus; ++peer) {
        if (peer != id) Feed(id, PeerIs{CpuId{peer}, kFirst});
      }
      Feed(id, Kick{OpId{1}});
      Feed(id, BringOnline{OpId{1}});
      Feed(id, SetView{{1, CpuMask::FirstN(cpus)}});
    }
    Run();
  }

  void Feed(std::uint32_t cpu, CpuEvent event) {
    mailbox_.emplace_back(cpu, std::move(event));
  }

  // Until nothing is under way.
  void Run() {
    while (!mailbox_.empty()) {
      auto [cpu, event] = std::move(mailbox_.front());
      mailbox_.pop_front();
      effects_.clear();
      cpus_[cpu].Step(std::move(event), effects_);
      for (CpuEffect& effect : effects_) {
        std::visit([&, id = cpu](auto& e) { On(id, e); }, effect);
      }
    }
  }

  // CPU 0 has heard the end of its calls to CPU 1, which may forget them.
  void Confirm() {
    Feed(1, Confirmed{CpuId{0}, kFirst, cpus_[0].done_through(CpuId{1})});
    Run();
  }

  void Stop() {
    round_ = MultiStop(
        Generation{++generation_}, StopOrder{},
        CpuMask::FirstN(static_cast<std::uint32_t>(cpus_.size())), {0});
    Publish();
    Run();
  }

  std::uint64_t calls_ended() const { return calls_ended_; }
  bool stop_ended() const { return round_.state() == MultiStopState::kNone; }
  const std::vector<TraceEvent>& trace() const { return trace_; }
  void KeepTrace() { keep_trace_ = true; }

 private:
  void On(std::uint32_t, SendEnqueue& e) {
    Feed(e.dst.value, Enqueue{.csd = std::move(e.csd), .fused = e.fused});
  }
  void On(std::uint32_t cpu, SendEnqueued& e) {
    Feed(e.dst.value,
         Enqueued{CpuId{cpu}, e.seq, e.was_empty, e.rung, e.error});
  }
  void On(std::uint32_t cpu, SendDone& e) {
    Feed(e.dst.value, Done{CpuId{cpu}, e.seq, e.error, std::move(e.result)});
  }
  void On(std::uint32_t cpu, RingSelf& e) { Feed(cpu, Doorbell{e.key}); }
  void On(std::uint32_t cpu, RaiseIrq&) { Feed(cpu, IrqEntry{}); }
  void On(std::uint32_t cpu, RunFunction&) { Feed(cpu, FunctionReturned{}); }
  void On(std::uint32_t, CallEnded&) { ++calls_ended_; }
  void On(std::uint32_t cpu, Tell& e) {
    const auto* ack = std::get_if<StopAck>(&e.message);
    if (ack && round_.Ack(CpuId{cpu}, ack->generation, ack->state)) Publish();
  }
  void On(std::uint32_t, Trace& e) {
    if (keep_trace_) trace_.push_back(std::move(e.event));
  }
  template <typename Effect>
  void On(std::uint32_t, Effect&) {}

  void Publish() {
    round_.Advance();
    if (round_.state() == MultiStopState::kNone) return;
    for (std::uint32_t cpu = 0; cpu < cpus_.size(); ++cpu) {
      Feed(cpu, StopPublish{.generation = round_.generation(),
                            .state = round_.state(),
                            .active = round_.active(),
                            .func = "nop"});
    }
  }

  std::vector<Cpu> cpus_;
  std::deque<std::pair<std::uint32_t, CpuEvent>> mailbox_;
  CpuEffects effects_;
  std::uint64_t calls_ended_ = 0;
  std::uint64_t generation_ = 0;
  MultiStop round_{Generation{0}, StopOrder{}, {0}, {0}};
  bool keep_trace_ = false;
  std::vector<TraceEvent> trace_;
};

// So many calls from CPU 0 to CPU 1 at once, from Call to CallEnded.
void Calls(benchmark::State& state, bool wait) {
  Machine machine(2);
  const auto burst = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < burst; ++i) {
      machine.Feed(0, Call{.token = i, .dst = CpuId{1}, .wait = wait});
    }
    machine.Run();
    machine.Confirm();
  }
  const std::uint64_t calls = burst * state.iterations();
  if (machine.calls_ended() != calls) state.SkipWithError("calls are missing");
  state.SetItemsProcessed(static_cast<std::int64_t>(calls));
}
BENCHMARK_CAPTURE(Calls, waiting, true)->Arg(1)->Arg(64);
BENCHMARK_CAPTURE(Calls, asynchronous, false)->Arg(1)->Arg(64);

void StopMachine(benchmark::State& state) {
  Machine machine(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) machine.Stop();
  if (!machine.stop_ended()) state.SkipWithError("a round has not ended");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(StopMachine)->Arg(4)->Arg(16)->Arg(64)->Arg(256);

// What one call leaves in the traces of both CPUs.
std::vector<TraceEvent> TraceOfACall() {
  Machine machine(2);
  machine.KeepTrace();
  machine.Feed(0, Call{.dst = CpuId{1}, .wait = true});
  machine.Run();
  return machine.trace();
}

void Record(benchmark::State& state) {
  const std::vector<TraceEvent> events = TraceOfACall();
  const auto now = std::chrono::system_clock::now();
  rpc::TraceRing ring(CpuId{0}, Incarnation{1}, rpc::kTraceEvents);
  std::uint64_t lamport = 0;
  for (auto _ : state) {
    for (const TraceEvent& event : events) ring.Add(++lamport, now, event);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(lamport));
}
BENCHMARK(Record);

void Account(benchmark::State& state) {
  const std::vector<TraceEvent> events = TraceOfACall();
  Ledger ledger(CpuId{0});
  for (auto _ : state) {
    for (const TraceEvent& event : events) ledger.Apply(event);
  }
  state.SetItemsProcessed(
      static_cast<std::int64_t>(state.iterations() * events.size()));
}
BENCHMARK(Account);

}  // namespace
}  // namespace belfry::bench
