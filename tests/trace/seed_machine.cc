#include "tests/trace/seed_machine.h"

namespace belfry::testing {
namespace {

constexpr std::uint32_t kCpus = 4;
constexpr std::int64_t kNowUs = 1'010'000'000;

void AddStop(TraceWriter* trace, const std::string& state,
             const std::vector<std::uint32_t>& cpus) {
  for (const std::uint32_t cpu : cpus) {
    trace->Add({.cpu = cpu, .name = "stop_state", .value = 1, .detail = state});
    if (state == "DISABLE_IRQ") {
      trace->Add(
          {.cpu = cpu, .name = "local_irq_disable", .detail = "stop_machine"});
    }
    trace->Add({.cpu = cpu, .name = "stop_ack", .value = 1, .detail = state});
  }
}

void Publish(TraceWriter* trace, const std::string& state) {
  trace->Add({.name = "stop_publish", .value = 1, .detail = state});
}

void AddLife(TraceWriter* trace, const std::string& life) {
  trace->Add({.cpu = 3, .name = "cpu_life", .detail = life});
}

// The first completion, queued while CPU 3 is masked and CPU 1 is not.
void AddLostCall(TraceWriter* trace) {
  trace->Add({.cpu = 1, .name = "device_irq", .about = 3});
  trace->Add({.cpu = 1,
              .name = "csd_queue_cpu",
              .about = 3,
              .function = "trigger_softirq",
              .src = 1,
              .seq = 1,
              .value = 1,
              .detail = "async"});
  trace->Add({.cpu = 3,
              .name = "csd_enqueued",
              .function = "trigger_softirq",
              .src = 1,
              .seq = 1,
              .value = 1,
              .value2 = 1});
}

void AddLatched(TraceWriter* trace) {
  trace->Add({.cpu = 3, .name = "ipi_latched", .src = 1, .seq = 1});
}

void AddSent(TraceWriter* trace) {
  trace->Add({.cpu = 1,
              .name = "ipi_send_cpu",
              .about = 3,
              .function = "trigger_softirq",
              .src = 1,
              .seq = 1});
}

}  // namespace

google::protobuf::Timestamp At(std::int64_t us) {
  google::protobuf::Timestamp time;
  time.set_seconds(us / 1'000'000);
  time.set_nanos(static_cast<std::int32_t>(us % 1'000'000 * 1000));
  return time;
}

TraceWriter& TraceWriter::Add(const EventSpec& spec) {
  v1::TraceEvent& event = events_.emplace_back();
  us_ += 20;
  event.set_lamport(events_.size());
  *event.mutable_time() = At(us_);
  event.set_name(spec.name);
  if (spec.cpu) {
    if (spec.name == "local_irq_disable") masked_[*spec.cpu] = true;
    if (spec.name == "local_irq_enable") masked_[*spec.cpu] = false;
    event.set_cpu(*spec.cpu);
    event.set_irqs_masked(masked_[*spec.cpu]);
  }
  if (spec.about) event.set_about_cpu(*spec.about);
  event.set_function(spec.function);
  if (spec.src) event.set_src_cpu(*spec.src);
  event.set_seq(spec.seq);
  event.set_value(spec.value);
  event.set_value2(spec.value2);
  event.set_state(spec.state);
  event.set_detail(spec.detail);
  return *this;
}

TraceWriter& TraceWriter::Call(std::uint32_t src, std::uint32_t target,
                               std::uint64_t seq, const std::string& function,
                               std::int64_t depth, bool wait) {
  const bool rings = depth == 1;
  Add({.cpu = src,
       .name = "csd_queue_cpu",
       .about = target,
       .function = function,
       .src = src,
       .seq = seq,
       .value = 1,
       .detail = wait ? "wait" : "async"});
  Add({.cpu = target,
       .name = "csd_enqueued",
       .function = function,
       .src = src,
       .seq = seq,
       .value = depth,
       .value2 = rings ? 1 : 0});
  if (rings) {
    Add({.cpu = target, .name = "ipi_latched", .src = src, .seq = seq});
  }
  return Add({.cpu = src,
              .name = rings ? "ipi_send_cpu" : "ipi_suppressed",
              .about = target,
              .function = function,
              .src = src,
              .seq = seq});
}

TraceWriter& TraceWriter::Pause(std::int64_t us) {
  us_ += us;
  return *this;
}

google::protobuf::Timestamp TraceWriter::now() const { return At(us_); }

TraceWriter SeedTrace(const SeedOptions& options) {
  TraceWriter trace;
  trace.Add({.name = "op_begin", .about = 3, .value = 1, .detail = "offline"});
  Publish(&trace, "PREPARE");
  AddStop(&trace, "PREPARE", {0, 1, 2, 3});
  Publish(&trace, "DISABLE_IRQ");
  AddStop(&trace, "DISABLE_IRQ", {0, 2, 3});
  trace.Pause(400);
  AddLostCall(&trace);
  if (!options.late) AddLatched(&trace);
  AddSent(&trace);
  AddStop(&trace, "DISABLE_IRQ", {1});
  Publish(&trace, "RUN");
  AddStop(&trace, "RUN", {0, 1, 2});
  trace.Add({.cpu = 3,
             .name = "stop_state",
             .value = 1,
             .value2 = 1,
             .detail = "RUN"});
  AddLife(&trace, "SHOULD_DIE");
  trace.Add({.cpu = 3, .name = "stop_ack", .value = 1, .detail = "RUN"});
  Publish(&trace, "EXIT");
  AddStop(&trace, "EXIT", {0, 1, 2, 3});
  for (const std::uint32_t cpu : {0u, 1u, 2u}) {
    trace.Add(
        {.cpu = cpu, .name = "local_irq_enable", .detail = "stop_machine"});
  }
  AddLife(&trace, "DEAD");
  if (options.late) {
    trace.Pause(2000);
    AddLatched(&trace);
  }
  trace.Add({.name = "op_end", .about = 3, .value = 1});
  trace.Pause(100'000);
  trace.Add({.name = "op_begin", .about = 3, .value = 2, .detail = "online"});
  AddLife(&trace, "KICKED");
  trace.Add(
      {.cpu = 3, .name = "ipi_cleared", .src = 1, .seq = 1, .detail = "reset"});
  AddLife(&trace, "ALIVE");
  AddLife(&trace, "SHOULD_ONLINE");
  AddLife(&trace, "ONLINE");
  trace.Add({.cpu = 3, .name = "local_irq_enable", .detail = "online"});
  trace.Add({.cpu = 1,
             .name = "cpuhp_enter",
             .about = 3,
             .value = 9,
             .detail = "calls:online"});
  for (int i = 0; i < options.backlog; ++i) {
    trace.Add({.cpu = 1, .name = "device_irq", .about = 3});
    trace.Call(1, 3, 2 + i, "trigger_softirq", 2 + i);
  }
  trace.Call(1, 3, options.backlog + 2, "nop", options.backlog + 2, true);
  trace.Pause(1'000'000);
  trace.Add({.cpu = 1,
             .name = "csd_lock_stuck",
             .about = 3,
             .function = "nop",
             .src = 1,
             .seq = static_cast<std::uint64_t>(options.backlog + 2)});
  return trace;
}

trace::MachineView QuietMachine() {
  trace::MachineView view;
  view.now = At(kNowUs);
  view.cluster.mutable_profile()->set_name("linux-3.0");
  for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    trace::CpuView& entry = view.cpus.emplace_back();
    entry.info.set_cpu(cpu);
    entry.info.set_state(v1::CPU_STATE_ONLINE);
    entry.info.set_incarnation(100 + cpu);
    v1::CpuSnapshot& snapshot = entry.snapshot.emplace();
    snapshot.set_cpu(cpu);
    snapshot.set_incarnation(100 + cpu);
    snapshot.set_life("ONLINE");
    *snapshot.mutable_time() = At(kNowUs);
    snapshot.mutable_last_doorbell()->set_fate(v1::Doorbell::FATE_NONE);
  }
  return view;
}

v1::CpuSnapshot& SnapshotOf(trace::MachineView* view, std::uint32_t cpu) {
  return *view->cpus.at(cpu).snapshot;
}

v1::OutgoingCall& AddCall(trace::MachineView* view, std::uint32_t src,
                          std::uint32_t target, std::uint64_t seq,
                          const std::string& function, bool wait) {
  const google::protobuf::Timestamp time = At(kNowUs - 5'200'000);
  v1::CpuSnapshot& snapshot = SnapshotOf(view, target);
  v1::QueuedCall& queued = *snapshot.add_queue();
  queued.set_src_cpu(src);
  queued.set_seq(seq);
  queued.set_function(function);
  queued.set_wait(wait);
  *queued.mutable_queue_time() = time;
  snapshot.set_depth(snapshot.queue_size());
  v1::FunctionCount* count = nullptr;
  for (v1::FunctionCount& candidate : *snapshot.mutable_by_function()) {
    if (candidate.function() == function) count = &candidate;
  }
  if (count == nullptr) {
    count = snapshot.add_by_function();
    count->set_function(function);
  }
  count->set_count(count->count() + 1);

  v1::CpuSnapshot& source = SnapshotOf(view, src);
  v1::OutgoingCall& outgoing = *source.add_outgoing();
  outgoing.set_cpu(target);
  outgoing.set_seq(seq);
  outgoing.set_function(function);
  outgoing.set_wait(wait);
  outgoing.set_state(v1::OutgoingCall::STATE_QUEUED);
  *outgoing.mutable_issue_time() = time;
  source.set_outgoing_total(source.outgoing_size());
  if (source.ledger().empty()) {
    source.add_ledger()->set_src_cpu(src);
    source.mutable_ledger(0)->set_cpu(target);
  }
  v1::LedgerRow& row = *source.mutable_ledger(0);
  row.set_issued(row.issued() + 1);
  row.set_pending(row.pending() + 1);
  return outgoing;
}

trace::MachineView SeedMachine(const SeedOptions& options) {
  const TraceWriter trace = SeedTrace(options);
  trace::MachineView view = QuietMachine();
  view.events = trace.events();
  view.now = trace.now();
  for (trace::CpuView& cpu : view.cpus) {
    *cpu.snapshot->mutable_time() = trace.now();
  }
  for (int i = 0; i < options.backlog + 1; ++i) {
    AddCall(&view, 1, 3, 1 + i, "trigger_softirq", false);
  }
  v1::OutgoingCall& waiting =
      AddCall(&view, 1, 3, options.backlog + 2, "nop", true);
  waiting.set_stuck(true);
  for (const char* frame :
       {"cpu_up", "notify:calls:online", "smp_call_function_single",
        "generic_exec_single"}) {
    waiting.add_frames(frame);
  }
  // Times as the trace has them.
  for (const v1::TraceEvent& event : view.events) {
    if (event.name() != "csd_queue_cpu") continue;
    v1::OutgoingCall& call =
        *SnapshotOf(&view, 1).mutable_outgoing(event.seq() - 1);
    *call.mutable_issue_time() = event.time();
    call.set_rang(event.seq() == 1);
    *SnapshotOf(&view, 3).mutable_queue(event.seq() - 1)->mutable_queue_time() =
        event.time();
  }
  v1::Doorbell& doorbell = *SnapshotOf(&view, 3).mutable_last_doorbell();
  doorbell.set_fate(v1::Doorbell::FATE_CLEARED_BY_RESET);
  doorbell.set_src_cpu(1);
  doorbell.set_seq(1);
  for (const v1::TraceEvent& event : view.events) {
    if (event.name() == "ipi_latched") *doorbell.mutable_time() = event.time();
  }
  view.cpus[3].info.set_calls_carried(1);
  v1::Operation& current = *view.cluster.mutable_current();
  current.set_id(2);
  current.set_kind(v1::Operation::KIND_ONLINE);
  current.set_cpus("3");
  current.set_control_cpu(1);
  return view;
}

}  // namespace belfry::testing
