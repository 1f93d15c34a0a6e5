#include "rpc/gates.h"

#include <utility>

namespace belfry::rpc {

void Gates::Pass(const std::string& gate, std::function<void()> go) {
  const auto found = gates_.find(gate);
  if (found == gates_.end()) return go();
  State& state = found->second;
  ++state.reached;
  if (!state.held) return go();
  state.waiting.push_back(std::move(go));
}

v1::Gate Gates::Hold(const std::string& gate) {
  State& state = gates_[gate];
  state.held = true;
  return ToProto(gate, state);
}

v1::Gate Gates::Release(const std::string& gate) {
  const auto found = gates_.find(gate);
  if (found == gates_.end()) return ToProto(gate, State{});
  found->second.held = false;
  // What passes may arrive at this gate again: it is not held any more.
  for (auto& go : std::exchange(found->second.waiting, {})) go();
  return ToProto(gate, found->second);
}

v1::ListGatesResponse Gates::List() const {
  v1::ListGatesResponse response;
  for (const auto& [name, state] : gates_) {
    *response.add_gates() = ToProto(name, state);
  }
  return response;
}

std::uint32_t Gates::waiting(const std::string& gate) const {
  const auto found = gates_.find(gate);
  return found == gates_.end()
             ? 0
             : static_cast<std::uint32_t>(found->second.waiting.size());
}

v1::Gate Gates::ToProto(const std::string& name, const State& state) {
  v1::Gate gate;
  gate.set_name(name);
  gate.set_held(state.held);
  gate.set_waiting(static_cast<std::uint32_t>(state.waiting.size()));
  gate.set_reached(state.reached);
  return gate;
}

}  // namespace belfry::rpc
