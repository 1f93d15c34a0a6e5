// A machine, led event by event by the moves of a world in memory: every event
// waits at its gate, and just the one that is next passes, once the one before
// it has been taken. So the machine's CPUs see what the world's see, in that
// order.
#ifndef BELFRY_LAB_FOLLOWER_H_
#define BELFRY_LAB_FOLLOWER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "belfry/v1/report.pb.h"
#include "lab/machine.h"
#include "lab/world.h"

namespace belfry::lab {

// Of a move that no process can make.
inline constexpr char kInMemoryOnly[] =
    "this fault is made in memory only; play it with --on sim";

// What can be delivered next in a world, and the gates where it stands.
std::vector<v1::ReplayReport::Standing> StandingIn(const World& world);

class Follower {
 public:
  // Of a machine that is up, with so many CPUs.
  Follower(Machine& machine, std::uint32_t cpus);

  // Nothing moves from here on but what is led.
  absl::Status Hold();
  // What fails here fails with the machine.
  void LetGo();

  // Makes the world's move, which is still to be made there. NotFound says what
  // was waited for in vain. A doorbell may be dropped (never) or repeated
  // (twice).
  absl::Status Follow(
      const World& world, Move move,
      v1::PassGateRequest::How how = v1::PassGateRequest::HOW_ONCE);

  // What stands at the machine's gates.
  std::vector<v1::ReplayReport::Standing> StandingThere();

 private:
  absl::Status MakeInput(const World::Pending& pending);
  absl::Status Ask(const kernel::Request& request);
  absl::Status Interrupt(std::uint32_t cpu, std::uint32_t submitter);
  absl::Status Call(std::uint32_t cpu, const kernel::Call& call);
  absl::Status CallMany(std::uint32_t cpu, const kernel::CallMany& call);
  absl::Status Pass(v1::GateAt at, const std::string& event,
                    v1::PassGateRequest::How how);

  Machine& machine_;
  // The coordinator and the CPUs, at all their gates.
  std::vector<v1::GateAt> places_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_FOLLOWER_H_
