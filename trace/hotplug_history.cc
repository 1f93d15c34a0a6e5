#include "trace/hotplug_history.h"

#include <map>

#include "absl/strings/match.h"

namespace belfry::trace {
namespace {

class HotplugFollower {
 public:
  explicit HotplugFollower(const v1::TraceReport& trace) : trace_(trace) {}

  std::vector<HotplugOperation> Follow() {
    for (int i = 0; i < trace_.events_size(); ++i) {
      const v1::TraceEvent& event = trace_.events(i);
      const auto at = static_cast<std::size_t>(i);
      if (event.name() == "op_begin") {
        BeginOwn(event, at);
      } else if (event.name() == "op_end") {
        EndOwn(event, at);
      } else if (event.name() == "cpuhp_enter" ||
                 event.name() == "cpuhp_multi_enter") {
        Enter(event, at);
      } else if (event.name() == "cpuhp_exit") {
        Exit(event, at);
      }
    }
    return std::move(operations_);
  }

 private:
  // The operation that goes on for a CPU.
  struct Walk {
    std::size_t operation = 0;
    // Between op_begin and op_end: nothing needs to be guessed.
    bool own = false;
    bool up = false;
    // Steps that were entered and not left.
    std::vector<std::size_t> open;
    // The last step that was entered while no other was open.
    std::int64_t last = 0;
  };

  Walk& Begin(std::uint32_t cpu, bool up) {
    HotplugOperation operation;
    operation.cpu = cpu;
    operation.up = up;
    Walk& walk = walks_[cpu] = Walk{};
    walk.operation = operations_.size();
    walk.up = up;
    operations_.push_back(std::move(operation));
    return walk;
  }

  void BeginOwn(const v1::TraceEvent& event, std::size_t at) {
    if (event.detail() != "online" && event.detail() != "offline") return;
    Walk& walk = Begin(event.about_cpu(), event.detail() == "online");
    walk.own = true;
    operations_[walk.operation].begin = at;
  }

  void EndOwn(const v1::TraceEvent& event, std::size_t at) {
    const auto known = walks_.find(event.about_cpu());
    if (known == walks_.end()) return;
    operations_[known->second.operation].end = at;
    walks_.erase(known);
  }

  void Enter(const v1::TraceEvent& event, std::size_t at) {
    const std::uint32_t cpu = event.about_cpu();
    const bool up = event.value2() >= event.value();
    const auto known = walks_.find(cpu);
    Walk& walk = known == walks_.end() || IsNext(known->second, event, up)
                     ? Begin(cpu, up)
                     : known->second;
    HotplugOperation& operation = operations_[walk.operation];
    if (!walk.own && up != walk.up && !operation.turned_after &&
        !operation.steps.empty()) {
      operation.turned_after = operation.steps.size() - 1;
    }
    walk.up = up;
    if (walk.open.empty()) walk.last = event.value();
    for (const std::size_t open : walk.open) {
      operation.steps[open].contains_others = true;
    }
    walk.open.push_back(operation.steps.size());
    HotplugStep step;
    step.step = event.value();
    step.name = event.detail();
    step.enter = at;
    operation.steps.push_back(std::move(step));
  }

  // The step is none of the operation's that goes on, but the first of another.
  bool IsNext(const Walk& walk, const v1::TraceEvent& event, bool up) const {
    if (walk.own || !walk.open.empty()) return false;
    const HotplugOperation& operation = operations_[walk.operation];
    const std::int64_t step = event.value();
    if (up == walk.up && operation.failed && step == walk.last) return true;
    if (up == walk.up) return up ? step < walk.last : step > walk.last;
    if (operation.turned_after) return true;
    if (operation.failed) return false;
    // A rollback goes back over what was done; a new walk begins at its end.
    return up ? step < walk.last : step > walk.last;
  }

  void Exit(const v1::TraceEvent& event, std::size_t at) {
    const auto known = walks_.find(event.about_cpu());
    if (known == walks_.end()) return;
    Walk& walk = known->second;
    HotplugOperation& operation = operations_[walk.operation];
    // The innermost open one with this number: others may have been lost.
    while (!walk.open.empty()) {
      const std::size_t index = walk.open.back();
      HotplugStep& step = operation.steps[index];
      if (step.step != event.value()) {
        if (!IsOpen(walk, operation, event.value())) return;
        walk.open.pop_back();
        continue;
      }
      walk.open.pop_back();
      step.exit = at;
      step.ret = event.value2();
      if (step.ret != 0 && !operation.failed) operation.failed = index;
      return;
    }
  }

  static bool IsOpen(const Walk& walk, const HotplugOperation& operation,
                     std::int64_t number) {
    for (const std::size_t open : walk.open) {
      if (operation.steps[open].step == number) return true;
    }
    return false;
  }

  const v1::TraceReport& trace_;
  std::map<std::uint32_t, Walk> walks_;
  std::vector<HotplugOperation> operations_;
};

}  // namespace

std::vector<HotplugOperation> FollowHotplug(const v1::TraceReport& trace) {
  return HotplugFollower(trace).Follow();
}

}  // namespace belfry::trace
