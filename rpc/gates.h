// The gates of one process: holds what arrives at them until it is released.
#ifndef BELFRY_RPC_GATES_H_
#define BELFRY_RPC_GATES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "belfry/v1/debug.pb.h"

namespace belfry::rpc {

// Owned by a loop; not thread-safe. Costs nothing unless enabled.
class Gates {
 public:
  explicit Gates(bool enabled) : enabled_(enabled) {}

  bool enabled() const { return enabled_; }

  // Events that may wait. One more opens every gate: nothing is lost, but what
  // waited passes in the order it came, and nobody leads it any more. All that
  // is asked of the gates is answered by ResourceExhausted then, up to and with
  // the next Release().
  static constexpr std::size_t kWaitingMax = 16384;

  // Runs `go` now, or keeps it until the gate is released. What arrives at held
  // gates keeps its order. `event` is its name, for those who look.
  void Pass(const std::string& gate, const std::string& event,
            std::function<void()> go);

  // kernel::kAllGates holds every gate; what waits at one waits there, too.
  absl::StatusOr<v1::Gate> Hold(const std::string& gate);
  absl::StatusOr<v1::Gate> Release(const std::string& gate);
  // Lets the first event of this name pass, once, never or twice, and nothing
  // else. NotFound when none waits at the gate.
  absl::StatusOr<v1::Gate> PassOne(
      const std::string& gate, const std::string& event,
      v1::PassGateRequest::How how = v1::PassGateRequest::HOW_ONCE);
  absl::StatusOr<v1::ListGatesResponse> List() const;

  // Events that wait at the gate now.
  std::uint32_t waiting(const std::string& gate) const;

 private:
  struct State {
    bool held = false;
    std::uint64_t reached = 0;
  };
  struct Waiting {
    std::string gate;
    std::string event;
    std::function<void()> go;

    bool IsAt(const std::string& name) const;
  };

  bool IsHeld(const std::string& gate) const;
  // Lets pass what no held gate keeps any more.
  void LetPass();
  void Overflow();
  v1::Gate ToProto(const std::string& name) const;

  bool enabled_;
  // Only gates that were held at some time; at most as many as there are names.
  std::map<std::string, State> gates_;
  // In the order they came.
  std::deque<Waiting> waiting_;
  // Not OK: the gates were opened because too much waited.
  absl::Status overflow_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_GATES_H_
