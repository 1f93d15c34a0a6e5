#include "lab/hotplug_bench.h"

#include <optional>

namespace belfry::lab {
namespace {

using kernel::CpuId;
using kernel::TraceKind;
using trace::CpuhpEvent;

// Every CPU's process is its first.
constexpr kernel::Incarnation kFirst{1};

std::optional<CpuhpEvent::Kind> KindOf(TraceKind kind) {
  switch (kind) {
    case TraceKind::kCpuhpEnter:
      return CpuhpEvent::Kind::kEnter;
    case TraceKind::kCpuhpMultiEnter:
      return CpuhpEvent::Kind::kMultiEnter;
    case TraceKind::kCpuhpExit:
      return CpuhpEvent::Kind::kExit;
    default:
      return std::nullopt;
  }
}

}  // namespace

HotplugBench::HotplugBench(const kernel::Profile& profile,
                           const kernel::CpuMask& present)
    : coordinator_(profile, present.cpus().back().value + 1) {
  for (const CpuId id : present.cpus()) {
    const kernel::Cpu& cpu =
        cpus_
            .try_emplace(id, kernel::CpuConfig{.id = id,
                                               .incarnation = kFirst,
                                               .profile = profile})
            .first->second;
    queue_.push_back(
        kernel::CoordinatorEvent(kernel::Attached{id, cpu.status()}));
    Run();
  }
  for (const CpuId id : present.cpus()) {
    if (!online().Has(id)) Change(id, true);
  }
}

kernel::Errno HotplugBench::SetFail(CpuId cpu, kernel::CpuhpState step) {
  return coordinator_.SetFail(cpu, step);
}

kernel::Errno HotplugBench::Change(CpuId cpu, bool online) {
  events_.clear();
  queue_.push_back(kernel::CoordinatorEvent(kernel::Request{
      .id = kernel::OpId{++last_op_},
      .kind = online ? kernel::OpKind::kOnline : kernel::OpKind::kOffline,
      .cpu = cpu}));
  Run();
  return ended_;
}

kernel::CpuhpState HotplugBench::StateOf(CpuId cpu) const {
  return coordinator_.cpus().at(cpu).state;
}

void HotplugBench::Run() {
  while (!queue_.empty()) {
    Message message = std::move(queue_.front());
    queue_.pop_front();
    std::visit([this](auto& m) { Deliver(m); }, message);
  }
}

void HotplugBench::Deliver(ForCpu& message) {
  kernel::CpuEffects effects;
  cpus_.at(message.cpu).Step(std::move(message.event), effects);
  for (kernel::CpuEffect& effect : effects) Do(message.cpu, effect);
}

void HotplugBench::Deliver(kernel::CoordinatorEvent& event) {
  kernel::CoordinatorEffects effects;
  coordinator_.Step(std::move(event), effects);
  for (kernel::CoordinatorEffect& effect : effects) Do(effect);
}

void HotplugBench::Do(CpuId cpu, kernel::CpuEffect& effect) {
  if (auto* tell = std::get_if<kernel::Tell>(&effect)) {
    queue_.push_back(kernel::CoordinatorEvent(
        kernel::FromCpuEvent{cpu, kFirst, std::move(tell->message)}));
  } else if (auto* step = std::get_if<kernel::NextStep>(&effect)) {
    queue_.push_back(ForCpu{cpu, kernel::RunStep{step->walk, step->step}});
  } else if (auto* stage = std::get_if<kernel::NextStage>(&effect)) {
    queue_.push_back(ForCpu{cpu, kernel::RunStage{stage->stage}});
  } else if (auto* trace = std::get_if<kernel::Trace>(&effect)) {
    const kernel::TraceEvent& event = trace->event;
    if (event.kind == TraceKind::kCpuLife) {
      if (event.detail == kernel::LifeName(kernel::Life::kOnline)) {
        traced_.Add(cpu);
      } else {
        traced_.Remove(cpu);
      }
    }
    if (traced_.Has(cpu)) Record(event);
  }
}

void HotplugBench::Do(kernel::CoordinatorEffect& effect) {
  if (auto* tell = std::get_if<kernel::TellCpu>(&effect)) {
    std::visit(
        [&](auto& message) {
          queue_.push_back(ForCpu{tell->cpu, std::move(message)});
        },
        tell->message);
  } else if (auto* leg = std::get_if<kernel::JournalLeg>(&effect)) {
    queue_.push_back(
        kernel::CoordinatorEvent(kernel::Journaled{leg->op.id, leg->op.leg}));
  } else if (auto* advance = std::get_if<kernel::AdvanceStop>(&effect)) {
    queue_.push_back(kernel::CoordinatorEvent(
        kernel::PublishState{advance->generation, advance->state}));
  } else if (auto* ended = std::get_if<kernel::OpEnded>(&effect)) {
    ended_ = ended->op.error;
  } else if (auto* trace = std::get_if<kernel::CoordinatorTrace>(&effect)) {
    Record(trace->event);
  }
}

void HotplugBench::Record(const kernel::TraceEvent& event) {
  const std::optional<CpuhpEvent::Kind> kind = KindOf(event.kind);
  if (!kind) return;
  CpuhpEvent seen{.kind = *kind,
                  .cpu = event.about.value_or(CpuId{}),
                  .step = static_cast<kernel::CpuhpState>(event.value)};
  if (*kind == CpuhpEvent::Kind::kExit) {
    seen.state = event.state;
    seen.ret = static_cast<std::int32_t>(event.value2);
  } else {
    seen.target = static_cast<kernel::CpuhpState>(event.value2);
  }
  events_.push_back(seen);
}

}  // namespace belfry::lab
