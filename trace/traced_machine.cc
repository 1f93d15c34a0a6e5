#include "trace/traced_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kernel/cpumask.h"
#include "trace/history.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

TracedKey KeyOf(const v1::TraceEvent& event) {
  return {event.src_cpu(), event.seq()};
}

// Where the life before a change must have stood.
std::string LifeBefore(absl::string_view life) {
  constexpr std::pair<absl::string_view, absl::string_view> kOrder[] = {
      {"KICKED", "DEAD"},         {"ALIVE", "KICKED"},
      {"SHOULD_ONLINE", "ALIVE"}, {"ONLINE", "SHOULD_ONLINE"},
      {"SHOULD_DIE", "ONLINE"},   {"DEAD", "SHOULD_DIE"},
  };
  for (const auto& [after, before] : kOrder) {
    if (after == life) return std::string(before);
  }
  return "";
}

bool IsInList(const std::string& list, std::uint32_t cpu) {
  const auto mask = kernel::ParseCpuList(list);
  return mask.ok() && cpu < kernel::kMaxCpus && mask->Has({cpu});
}

bool RemoveKey(std::deque<TracedCpu::Queued>* calls, const TracedKey& key) {
  const auto found =
      std::find_if(calls->begin(), calls->end(),
                   [&](const auto& call) { return call.key == key; });
  if (found == calls->end()) return false;
  calls->erase(found);
  return true;
}

}  // namespace

TracedMachine::TracedMachine(const std::vector<v1::TraceEvent>& events)
    : events_(events) {
  InferBeginning();
}

// What a CPU was before the first event that changes it.
void TracedMachine::InferBeginning() {
  std::set<std::uint32_t> has_mask;
  const std::string* first_view = nullptr;
  for (const v1::TraceEvent& event : events_) {
    if (event.has_about_cpu()) cpus_[event.about_cpu()];
    if (first_view == nullptr && event.name() == "set_view") {
      first_view = &event.detail();
    }
    if (!event.has_cpu()) continue;
    TracedCpu& cpu = cpus_[event.cpu()];
    if (event.name() == "cpu_life" && cpu.life.empty()) {
      cpu.life = LifeBefore(event.detail());
    }
    if (has_mask.insert(event.cpu()).second) {
      // Written after the change, so the event that masks says "masked".
      cpu.masked = event.name() == "local_irq_enable" ||
                   (event.irqs_masked() && event.name() != "local_irq_disable");
    }
  }
  for (auto& [number, cpu] : cpus_) {
    if (!cpu.life.empty()) continue;
    const bool out = first_view != nullptr && !IsInList(*first_view, number);
    cpu.life = out ? "DEAD" : "ONLINE";
  }
}

void TracedMachine::Apply(Position position) {
  const v1::TraceEvent& event = events_[position];
  if (!event.has_cpu()) {
    ApplyCoordinator(position);
    return;
  }
  ApplyCall(position);
  ApplyQueue(position);
  ApplyDoorbell(position);
  ApplyState(position);
}

void TracedMachine::ApplyCoordinator(Position position) {
  const v1::TraceEvent& event = events_[position];
  if (event.name() == "op_begin") operations_[event.value()] = position;
  if (event.name() == "op_end") operations_.erase(event.value());
  if (event.name() == "stop_publish") {
    round_ = event.detail() == "NONE" ? std::nullopt : std::optional(position);
  }
  if (event.name() == "stop_abort") round_.reset();
  if (event.name() == "cpu_crashed") ApplyCrash(event.about_cpu());
}

// The process has gone with all that it held, and so have its calls.
void TracedMachine::ApplyCrash(std::uint32_t number) {
  cpus_[number] = TracedCpu{.life = "DEAD", .crashed = true};
  for (auto& [other, cpu] : cpus_) {
    std::erase_if(cpu.on_the_wire,
                  [&](const TracedKey& key) { return key.first == number; });
    for (auto call = cpu.incoming.begin(); call != cpu.incoming.end();) {
      if (call->first.first != number) {
        ++call;
        continue;
      }
      if (!call->second.settled) --cpu.owed;
      call = cpu.incoming.erase(call);
    }
  }
}

void TracedMachine::Settle(TracedCpu* target, const TracedKey& key, bool rang) {
  const auto call = target->incoming.find(key);
  if (call == target->incoming.end()) return;
  if (!call->second.settled) --target->owed;
  call->second.settled = true;
  call->second.rang = rang;
}

void TracedMachine::EndIncoming(TracedCpu* target, const TracedKey& key) {
  const auto call = target->incoming.find(key);
  if (call == target->incoming.end()) return;
  if (!call->second.settled) --target->owed;
  target->incoming.erase(call);
}

// At a call's source; `about` is the target.
void TracedMachine::ApplyCall(Position position) {
  const v1::TraceEvent& event = events_[position];
  if (!event.has_about_cpu() || !event.has_src_cpu()) return;
  const std::string& name = event.name();
  const TracedKey key = KeyOf(event);
  TracedCpu& target = cpus_[event.about_cpu()];
  if (name == "csd_queue_cpu") {
    const bool self = event.cpu() == event.about_cpu();
    EndIncoming(&target, key);
    target.incoming[key] = {.issued = position,
                            .wait = event.detail() == "wait",
                            .settled = self,
                            .step = cpus_[event.cpu()].step};
    if (!self) ++target.owed;
  } else if (name == "ipi_send_cpu" || name == "csd_lock_resend") {
    Settle(&target, key, true);
    if (target.arrived_early.erase(key) == 0) target.on_the_wire.insert(key);
  } else if (name == "ipi_suppressed") {
    Settle(&target, key, false);
  } else if (name == "csd_lock_stuck" || name == "csd_lock_unstuck") {
    const auto call = target.incoming.find(key);
    if (call != target.incoming.end()) {
      call->second.stuck.reset();
      if (name == "csd_lock_stuck") call->second.stuck = position;
    }
  } else if (name == "csd_done" || name == "csd_refused" ||
             name == "csd_lost") {
    EndIncoming(&target, key);
  }
}

// At the target: its queue, and what it runs of it.
void TracedMachine::ApplyQueue(Position position) {
  const v1::TraceEvent& event = events_[position];
  const std::string& name = event.name();
  TracedCpu& cpu = cpus_[event.cpu()];
  if (name == "csd_enqueued") {
    cpu.queue.push_back({KeyOf(event), position});
    cpu.depth = event.value();
    // A csd that was in it already has cut off all before it.
    while (static_cast<std::int64_t>(cpu.queue.size()) > cpu.depth) {
      cpu.queue.pop_front();
    }
  } else if (name == "call_function_single_entry" ||
             name == "csd_flush_entry") {
    Take(position);
  } else if (name == "call_function_single_exit" || name == "csd_flush_exit") {
    cpu.taken.clear();
    cpu.running.reset();
  } else if (name == "csd_function_entry") {
    RemoveKey(&cpu.taken, KeyOf(event));
    cpu.running = {KeyOf(event), position};
  } else if (name == "csd_function_exit") {
    cpu.running.reset();
  } else if (name == "softirq_raise" || name == "softirq_entry") {
    cpu.softirq_pending = name == "softirq_raise";
  } else if (LeavesQueueUnrun(event)) {
    RemoveKey(&cpu.queue, KeyOf(event));
    cpu.depth = std::max<std::int64_t>(0, cpu.depth - 1);
  }
}

// An interrupt or a flush: the whole queue at once.
void TracedMachine::Take(Position position) {
  const v1::TraceEvent& event = events_[position];
  TracedCpu& cpu = cpus_[event.cpu()];
  std::move(cpu.queue.begin(), cpu.queue.end(), std::back_inserter(cpu.taken));
  cpu.queue.clear();
  cpu.depth = 0;
  if (event.detail() == "idle") {
    cpu.need_resched = false;
    cpu.last_doorbell.set_fate(v1::Doorbell::FATE_TAKEN);
  }
  if (event.name() == "csd_flush_entry") return;
  cpu.latched.reset();
  cpu.last_doorbell.set_fate(v1::Doorbell::FATE_TAKEN);
}

void TracedMachine::ApplyDoorbell(Position position) {
  const v1::TraceEvent& event = events_[position];
  const std::string& name = event.name();
  TracedCpu& cpu = cpus_[event.cpu()];
  const bool flags = name == "sched_wake_idle_without_ipi";
  const bool arrives =
      flags || name == "ipi_latched" || name == "ipi_coalesced";
  if (arrives) {
    const TracedKey key = KeyOf(event);
    if (cpu.on_the_wire.erase(key) == 0) cpu.arrived_early.insert(key);
  }
  if (flags) cpu.need_resched = true;
  if ((arrives || name == "kick") && !cpu.latched) {
    if (!flags) cpu.latched = position;
    cpu.last_doorbell.set_fate(flags ? v1::Doorbell::FATE_FLAGGED
                                     : v1::Doorbell::FATE_LATCHED);
    cpu.last_doorbell.set_src_cpu(arrives ? event.src_cpu() : event.cpu());
    cpu.last_doorbell.set_seq(event.seq());
    *cpu.last_doorbell.mutable_time() = event.time();
  } else if (name == "ipi_cleared") {
    cpu.latched.reset();
    cpu.last_doorbell.set_fate(v1::Doorbell::FATE_CLEARED_BY_RESET);
  }
}

void TracedMachine::ApplyState(Position position) {
  const v1::TraceEvent& event = events_[position];
  const std::string& name = event.name();
  TracedCpu& cpu = cpus_[event.cpu()];
  if (name == "local_irq_disable") {
    cpu.masked = true;
  } else if (name == "local_irq_enable") {
    cpu.masked = false;
  } else if (name == "cpu_life") {
    cpu.life = event.detail();
    cpu.crashed = false;
    // From the reset until it unmasks.
    if (event.detail() == "KICKED") cpu.masked = true;
  } else if (name == "stop_state" || name == "multi_cpu_stop") {
    // A stop_two_cpus() is no round.
    cpu.generation = name == "stop_state" ? event.value() : 0;
    cpu.stop_state = event.detail();
    cpu.stop_acked = false;
  } else if (name == "stop_ack" || name == "multi_cpu_stop_ack") {
    cpu.stop_acked = true;
    if (event.detail() == "EXIT") cpu.stop_state.clear();
  } else if (name == "stop_abort" || name == "multi_cpu_stop_abort") {
    cpu.stop_state.clear();
  } else if (name == "cpuhp_enter") {
    cpu.step = event.detail();
    cpu.step_cpu = event.about_cpu();
  } else if (name == "cpuhp_exit") {
    cpu.step.clear();
  }
}

namespace {

class ViewMaker {
 public:
  explicit ViewMaker(const v1::TraceReport& trace) {
    view_.events.assign(trace.events().begin(), trace.events().end());
    view_.overwritten = trace.overwritten();
  }

  MachineView Make() {
    TracedMachine machine(view_.events);
    for (Position position = 0; position < view_.events.size(); ++position) {
      machine.Apply(position);
      const google::protobuf::Timestamp& time = view_.events[position].time();
      if (Micros(time) > Micros(view_.now)) view_.now = time;
    }
    for (const auto& [number, cpu] : machine.cpus()) AddCpu(number, cpu);
    // Needs all of them.
    for (const auto& [number, cpu] : machine.cpus()) AddIncoming(number, cpu);
    AddCoordinator(machine);
    return std::move(view_);
  }

 private:
  void AddCpu(std::uint32_t number, const TracedCpu& cpu) {
    CpuView& entry = view_.cpus.emplace_back();
    entry.info.set_cpu(number);
    entry.info.set_state(cpu.crashed    ? v1::CPU_STATE_CRASHED
                         : cpu.online() ? v1::CPU_STATE_ONLINE
                                        : v1::CPU_STATE_OFFLINE);
    entry.info.set_online(cpu.online());
    if (cpu.crashed) return;
    v1::CpuSnapshot& snapshot = entry.snapshot.emplace();
    snapshot.set_cpu(number);
    *snapshot.mutable_time() = view_.now;
    snapshot.set_life(cpu.life);
    snapshot.set_irqs_masked(cpu.masked);
    snapshot.set_latched(cpu.latched.has_value());
    snapshot.set_need_resched(cpu.need_resched);
    snapshot.set_doorbells_in_flight(cpu.on_the_wire.size());
    *snapshot.mutable_last_doorbell() = cpu.last_doorbell;
    snapshot.set_depth(static_cast<std::uint32_t>(cpu.depth));
    for (const TracedCpu::Queued& call : cpu.queue) {
      *snapshot.add_queue() = QueuedCall(cpu, call);
    }
    snapshot.set_taken(cpu.taken.size());
    if (cpu.running)
      *snapshot.mutable_running() = QueuedCall(cpu, *cpu.running);
    if (!cpu.stop_state.empty()) {
      snapshot.mutable_stop()->set_generation(cpu.generation);
      snapshot.mutable_stop()->set_state(cpu.stop_state);
      snapshot.mutable_stop()->set_acked(cpu.stop_acked);
    }
    snapshot.set_step(cpu.step);
    snapshot.set_step_cpu(cpu.step_cpu);
  }

  v1::QueuedCall QueuedCall(const TracedCpu& cpu,
                            const TracedCpu::Queued& queued) const {
    const v1::TraceEvent& event = view_.events[queued.position];
    v1::QueuedCall call;
    call.set_src_cpu(queued.key.first);
    call.set_seq(queued.key.second);
    call.set_function(event.function());
    const auto issued = cpu.incoming.find(queued.key);
    call.set_wait(issued != cpu.incoming.end() && issued->second.wait);
    // By its source's clock, as the real queue has it.
    *call.mutable_queue_time() =
        issued == cpu.incoming.end()
            ? event.time()
            : view_.events[issued->second.issued].time();
    return call;
  }

  // What the CPU's callers have outstanding.
  void AddIncoming(std::uint32_t target, const TracedCpu& cpu) {
    for (const auto& [key, call] : cpu.incoming) {
      CpuView& source = *std::find_if(
          view_.cpus.begin(), view_.cpus.end(),
          [&](const CpuView& one) { return one.info.cpu() == key.first; });
      if (!source.snapshot) continue;
      const v1::TraceEvent& issued = view_.events[call.issued];
      v1::OutgoingCall& out = *source.snapshot->add_outgoing();
      out.set_cpu(target);
      out.set_seq(key.second);
      out.set_function(issued.function());
      out.set_wait(call.wait);
      out.set_state(call.settled ? v1::OutgoingCall::STATE_QUEUED
                                 : v1::OutgoingCall::STATE_SENT);
      *out.mutable_issue_time() = issued.time();
      out.set_stuck(call.stuck.has_value());
      out.set_rang(call.rang);
      if (!call.step.empty()) out.add_frames(call.step);
      source.snapshot->set_outgoing_total(source.snapshot->outgoing_size());
    }
  }

  void AddCoordinator(const TracedMachine& machine) {
    if (!machine.operations().empty()) {
      const auto& [id, position] = *machine.operations().begin();
      const v1::TraceEvent& begun = view_.events[position];
      v1::Operation& current = *view_.cluster.mutable_current();
      current.set_id(id);
      current.set_kind(begun.detail() == "online" ? v1::Operation::KIND_ONLINE
                       : begun.detail() == "offline"
                           ? v1::Operation::KIND_OFFLINE
                           : v1::Operation::KIND_STOP_MACHINE);
      current.set_cpus(absl::StrCat(begun.about_cpu()));
      for (const auto& [number, cpu] : machine.cpus()) {
        if (!cpu.step.empty() && cpu.step_cpu == begun.about_cpu()) {
          current.set_control_cpu(number);
        }
      }
    }
    if (machine.round()) {
      const v1::TraceEvent& published = view_.events[*machine.round()];
      v1::StopStatus& stop = *view_.cluster.mutable_stop();
      stop.set_generation(published.value());
      stop.set_state(published.detail());
      stop.set_missing(Missing(machine, published));
    }
  }

  // The participants that have not acknowledged the state that is published.
  static std::string Missing(const TracedMachine& machine,
                             const v1::TraceEvent& published) {
    kernel::CpuMask missing;
    for (const auto& [number, cpu] : machine.cpus()) {
      const bool there = cpu.stop_state == published.detail() &&
                         cpu.generation == published.value() && cpu.stop_acked;
      if (cpu.online() && !there && number < kernel::kMaxCpus) {
        missing.Add({number});
      }
    }
    return kernel::FormatCpuList(missing);
  }

  MachineView view_;
};

}  // namespace

MachineView ViewOfTrace(const v1::TraceReport& trace) {
  return ViewMaker(trace).Make();
}

}  // namespace belfry::trace
