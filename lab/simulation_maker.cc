#include "lab/simulation_maker.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernel/cpuhp.h"
#include "kernel/cpumask.h"
#include "lab/random.h"
#include "lab/simulation_file.h"
#include "trace/codec.h"

namespace belfry::lab {
namespace {

// From the start of one cycle to the next, µs: an offline and an online take
// about so long.
constexpr std::uint64_t kCycleUs = 12'000;

constexpr std::array<absl::string_view, 10> kCpuGates = {
    "enqueue",         "ring",    "latch",       "irq_entry", "run",
    "ack:DISABLE_IRQ", "ack:RUN", "ack:CONFIRM", "ack:EXIT",  "reset"};
constexpr std::array<absl::string_view, 11> kJournalGates = {
    "journal:prepare",  "journal:bringup", "journal:online", "journal:ap",
    "journal:takedown", "journal:stop",    "journal:run",    "journal:abort",
    "commit",           "journal:dead",    "journal:done"};
// Knobs that decide whether anything is lost at all.
constexpr std::array<absl::string_view, 13> kPromises = {
    "offline_drain", "enqueue_guard", "refuse_offline",  "ring_order",
    "many_mask",     "idle_flush",    "nohz_release",    "irq_call",
    "irq_migration", "death_report",  "timer_migration", "lock_wakeup",
    "lease_without"};

template <typename Names>
std::string OneOf(const Names& names, Random& random) {
  return std::string(names[random.Below(names.size())]);
}

// Nothing but the watchdog repairs a doorbell that was dropped.
bool IsPromise(absl::string_view knob, const std::set<Fault>& faults) {
  return std::find(kPromises.begin(), kPromises.end(), knob) !=
             kPromises.end() ||
         (knob == "ring_rule" && faults.contains(Fault::kDrop));
}

// What the swarm makes of a shape.
SimulationShape Vary(SimulationShape shape, Random& random) {
  for (const kernel::Knob& knob : kernel::Knobs()) {
    if (IsPromise(knob.name, shape.faults) || !random.Chance(1, 3)) continue;
    // A knob has its own values.
    (void)kernel::SetKnob(&shape.profile, knob.name,
                          knob.values[random.Below(knob.values.size())]);
  }
  if (shape.cpus > 2) {
    shape.cpus = static_cast<std::uint32_t>(random.Between(2, shape.cpus));
  }
  shape.split_doorbell = random.Chance(1, 2);
  const auto up_to = [&](std::uint32_t most) {
    return static_cast<std::uint32_t>(random.Below(most + 1));
  };
  shape.calls = up_to(shape.calls);
  shape.block_ios = up_to(shape.block_ios);
  shape.faults_per_100 = up_to(shape.faults_per_100);
  std::erase_if(shape.faults, [&](Fault) { return random.Chance(1, 2); });
  return shape;
}

class Maker {
 public:
  Maker(const SimulationShape& shape, Random random)
      : shape_(shape),
        faults_(shape.faults.begin(), shape.faults.end()),
        random_(random) {}

  std::vector<v1::SimulationInput> Make() {
    for (std::uint32_t cycle = 0; cycle < shape_.cycles; ++cycle) {
      start_ = cycle * kCycleUs;
      AddCycle();
      AddLoad();
      if (!faults_.empty() && random_.Chance(shape_.faults_per_100, 100)) {
        AddFault(faults_[random_.Below(faults_.size())]);
      }
    }
    std::stable_sort(
        inputs_.begin(), inputs_.end(),
        [](const auto& a, const auto& b) { return a.at_us() < b.at_us(); });
    return std::move(inputs_);
  }

 private:
  std::uint32_t Cpu() {
    return static_cast<std::uint32_t>(random_.Below(shape_.cpus));
  }

  // At some time of this cycle.
  v1::SimulationInput& Add() {
    inputs_.emplace_back();
    inputs_.back().set_at_us(start_ + random_.Below(kCycleUs));
    return inputs_.back();
  }

  void AddCycle() {
    const std::uint32_t cpu = Cpu();
    v1::SimulationInput& offline = Add();
    offline.mutable_offline()->set_cpu(cpu);
    if (random_.Chance(1, 2)) offline.mutable_offline()->set_on(Cpu());
    const std::uint64_t after = offline.at_us() + random_.Below(kCycleUs);
    v1::SimulationInput& online = Add();
    online.set_at_us(after);
    online.mutable_online()->set_cpu(cpu);
    if (random_.Chance(1, 20)) {
      Add().set_stop_machine(random_.Chance(1, 2) ? "" : absl::StrCat(Cpu()));
    }
  }

  void AddLoad() {
    for (std::uint64_t n = random_.Below(2 * shape_.calls + 1); n > 0; --n) {
      v1::SimulationInput& input = Add();
      v1::ScenarioCall& call = *input.mutable_call();
      call.set_from(Cpu());
      call.set_cpu(Cpu());
      call.set_wait(random_.Chance(1, 2));
      call.set_count(1);
      if (call.from() == call.cpu()) CallAll(&input);
    }
    for (std::uint64_t n = random_.Below(2 * shape_.block_ios + 1); n > 0;
         --n) {
      v1::BlockIo& io = *Add().mutable_block_io();
      io.set_on(Cpu());
      io.set_submitter(Cpu());
      io.set_count(1);
    }
  }

  // Who would call itself calls everybody, itself included.
  void CallAll(v1::SimulationInput* input) {
    const v1::ScenarioCall call = input->call();
    v1::ScenarioCallMany& many = *input->mutable_call_many();
    many.set_from(call.from());
    many.set_cpus(kernel::FormatCpuList(kernel::CpuMask::FirstN(shape_.cpus)));
    many.set_wait(call.wait());
  }

  void AddFault(Fault fault) {
    switch (fault) {
      case Fault::kDelay:
        return Doorbell().set_delay_us(random_.Between(50, 10'000));
      case Fault::kDrop:
        return Doorbell().set_drop(true);
      case Fault::kRepeat:
        return Doorbell().set_repeat(true);
      case Fault::kLinks:
        return BreakLink();
      case Fault::kKill:
        return KillCpu();
      case Fault::kPause:
        return PauseCpu();
      case Fault::kCoordinator:
        return KillCoordinator();
      case Fault::kPartition:
        return Partition();
    }
  }

  v1::DoorbellFault& Doorbell() {
    v1::DoorbellFault& doorbell = *Add().mutable_doorbell();
    doorbell.set_from(Cpu());
    doorbell.set_to(Cpu());
    return doorbell;
  }

  void BreakLink() {
    if (random_.Chance(1, 2)) return Add().set_break_control(Cpu());
    v1::DataLink& link = *Add().mutable_break_data();
    link.set_from(Cpu());
    link.set_to(Cpu());
  }

  // At one of the CPU's gates, or at a time.
  void MaybeAtGate(std::uint32_t cpu, v1::SimulationInput* input) {
    if (random_.Chance(1, 3)) return;
    v1::GateAt& at = *input->mutable_gate();
    at.set_cpu(cpu);
    if (random_.Chance(1, 4)) {
      const auto steps = kernel::CpuhpTable(shape_.profile.steps).steps();
      at.set_gate(
          absl::StrCat("step:", steps[random_.Below(steps.size())].state));
    } else {
      at.set_gate(OneOf(kCpuGates, random_));
    }
  }

  void KillCpu() {
    const std::uint32_t cpu = Cpu();
    v1::SimulationInput& kill = Add();
    kill.set_kill(cpu);
    MaybeAtGate(cpu, &kill);
    const std::uint64_t after = kill.at_us() + random_.Between(100, 30'000);
    v1::SimulationInput& restart = Add();
    restart.set_restart(cpu);
    restart.set_at_us(after);
  }

  void PauseCpu() {
    const std::uint32_t cpu = Cpu();
    v1::SimulationInput& pause = Add();
    pause.mutable_pause()->set_cpu(cpu);
    // Some are longer than a stop lease.
    const std::uint64_t most = random_.Chance(1, 5) ? 1'000'000 : 50'000;
    pause.mutable_pause()->set_us(random_.Between(100, most));
    MaybeAtGate(cpu, &pause);
  }

  void KillCoordinator() {
    v1::SimulationInput& kill = Add();
    kill.set_kill_coordinator(true);
    if (random_.Chance(2, 3)) {
      kill.mutable_gate()->set_gate(OneOf(kJournalGates, random_));
    }
    const std::uint64_t after = kill.at_us() + random_.Between(100, 30'000);
    v1::SimulationInput& restart = Add();
    restart.set_restart_coordinator(true);
    restart.set_at_us(after);
  }

  void Partition() {
    kernel::CpuMask side;
    for (std::uint32_t cpu = 0; cpu < shape_.cpus; ++cpu) {
      if (random_.Chance(1, 3)) side.Add({cpu});
    }
    if (side.empty()) side.Add({Cpu()});
    v1::Partition& partition = *Add().mutable_partition();
    partition.set_cpus(kernel::FormatCpuList(side));
    partition.set_us(random_.Between(100, 50'000));
  }

  const SimulationShape& shape_;
  const std::vector<Fault> faults_;
  Random random_;
  std::uint64_t start_ = 0;
  std::vector<v1::SimulationInput> inputs_;
};

}  // namespace

v1::Simulation MakeSimulation(const SimulationShape& shape,
                              const Latencies& latencies, std::uint64_t seed) {
  Random random(seed);
  const SimulationShape its = shape.swarm ? Vary(shape, random) : shape;
  v1::Simulation simulation;
  simulation.set_version(kSimulationVersion);
  *simulation.mutable_profile() = trace::ToProto(its.profile);
  simulation.set_cpus(its.cpus);
  simulation.set_split_doorbell(its.split_doorbell);
  simulation.set_seed(seed);
  simulation.set_latencies(latencies.fingerprint());
  for (v1::SimulationInput& input : Maker(its, random).Make()) {
    *simulation.add_inputs() = std::move(input);
  }
  return simulation;
}

}  // namespace belfry::lab
