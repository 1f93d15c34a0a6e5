#include "rpc/gates.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernel/gate.h"
#include "rpc/log.h"

namespace belfry::rpc {

bool Gates::Waiting::IsAt(const std::string& name) const {
  return gate == name || name == kernel::kAllGates;
}

bool Gates::IsHeld(const std::string& gate) const {
  const auto held = [this](const std::string& name) {
    const auto found = gates_.find(name);
    return found != gates_.end() && found->second.held;
  };
  return held(gate) || held(std::string(kernel::kAllGates));
}

void Gates::Pass(const std::string& gate, const std::string& event,
                 std::function<void()> go) {
  const bool held = IsHeld(gate);
  if (held) gates_.try_emplace(gate);
  for (const std::string& name : {gate, std::string(kernel::kAllGates)}) {
    const auto found = gates_.find(name);
    if (found != gates_.end()) ++found->second.reached;
  }
  if (held && waiting_.size() < kWaitingMax) {
    waiting_.push_back({gate, event, std::move(go)});
    return;
  }
  if (held) Overflow();
  go();
}

absl::StatusOr<v1::Gate> Gates::Hold(const std::string& gate) {
  if (!overflow_.ok()) return overflow_;
  gates_[gate].held = true;
  return ToProto(gate);
}

absl::StatusOr<v1::Gate> Gates::Release(const std::string& gate) {
  if (!overflow_.ok()) return std::exchange(overflow_, absl::OkStatus());
  const auto found = gates_.find(gate);
  if (found == gates_.end()) return ToProto(gate);
  found->second.held = false;
  LetPass();
  return ToProto(gate);
}

void Gates::Overflow() {
  overflow_ = absl::ResourceExhaustedError(absl::StrCat(
      "more than ", kWaitingMax,
      " events came to gates of this process; all gates were opened"));
  Log(Level::kWarning, "gates", std::string(overflow_.message()));
  for (auto& [name, state] : gates_) state.held = false;
  LetPass();
}

void Gates::LetPass() {
  const auto first = std::stable_partition(
      waiting_.begin(), waiting_.end(),
      [this](const Waiting& waiting) { return IsHeld(waiting.gate); });
  std::deque<Waiting> passing(std::make_move_iterator(first),
                              std::make_move_iterator(waiting_.end()));
  waiting_.erase(first, waiting_.end());
  // What passes may arrive at this gate again: it is not held any more.
  for (Waiting& waiting : passing) waiting.go();
}

absl::StatusOr<v1::Gate> Gates::PassOne(const std::string& gate,
                                        const std::string& event,
                                        v1::PassGateRequest::How how) {
  if (!overflow_.ok()) return overflow_;
  const auto found = std::find_if(
      waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) {
        return waiting.IsAt(gate) && waiting.event == event;
      });
  if (found == waiting_.end()) {
    return absl::NotFoundError(
        absl::StrCat("no \"", event, "\" waits at gate ", gate));
  }
  const std::function<void()> go = found->go;
  if (how != v1::PassGateRequest::HOW_TWICE) waiting_.erase(found);
  if (how != v1::PassGateRequest::HOW_NEVER) go();
  return ToProto(gate);
}

absl::StatusOr<v1::ListGatesResponse> Gates::List() const {
  if (!overflow_.ok()) return overflow_;
  v1::ListGatesResponse response;
  for (const auto& [name, state] : gates_) {
    *response.add_gates() = ToProto(name);
  }
  return response;
}

std::uint32_t Gates::waiting(const std::string& gate) const {
  return static_cast<std::uint32_t>(
      std::count_if(waiting_.begin(), waiting_.end(),
                    [&](const Waiting& w) { return w.IsAt(gate); }));
}

v1::Gate Gates::ToProto(const std::string& name) const {
  v1::Gate gate;
  gate.set_name(name);
  gate.set_held(IsHeld(name));
  const auto found = gates_.find(name);
  if (found != gates_.end()) gate.set_reached(found->second.reached);
  for (const Waiting& waiting : waiting_) {
    if (waiting.IsAt(name)) gate.add_events(waiting.event);
  }
  gate.set_waiting(static_cast<std::uint32_t>(gate.events_size()));
  return gate;
}

}  // namespace belfry::rpc
