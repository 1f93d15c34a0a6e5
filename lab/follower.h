// A machine, led event by event by the moves of a world in memory: every event
// waits at its gate, and just the one that is next passes, once the one before
// it has been taken. So the machine's CPUs see what the world's see, in that
// order.
//
// A fault of a process or a link is made on the machine, too. What is on its
// way then stands at gates, for it has arrived: what is lost in memory is
// dropped there, and what is not passes when it is its turn.
#ifndef BELFRY_LAB_FOLLOWER_H_
#define BELFRY_LAB_FOLLOWER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "belfry/v1/report.pb.h"
#include "lab/machine.h"
#include "lab/machine_fault.h"
#include "lab/world.h"

namespace belfry::lab {

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

  // Makes the fault that has led from one world to the other.
  absl::Status Make(const World& before, const MachineFault& fault,
                    const World& after);

  // What stands at the machine's gates.
  std::vector<v1::ReplayReport::Standing> StandingThere();

 private:
  // How often each event stands at a place.
  using Events = std::map<std::string, int>;

  absl::Status Kill(const World& before, std::uint32_t cpu, const World& after);
  absl::Status KillCoordinator(const World& before, const World& after);
  absl::Status StartCoordinator();
  absl::Status BreakData(const World& before, const MachineFault& link,
                         const World& after);
  absl::Status BreakControl(const World& before, std::uint32_t cpu,
                            const World& after);
  // What a CPU is told when its control link breaks, if it was up.
  absl::Status LoseCoordinator(const World& before, std::uint32_t cpu,
                               const World& after);
  absl::Status Attach(const World& world, std::uint32_t cpu);
  absl::Status AttachAgain(std::uint32_t cpu, const Events& attached);
  absl::Status AwaitArrivals(const World& world,
                             const std::function<bool(const Lane&)>& on);
  absl::Status Await(v1::GateAt at, const Events& events);
  // Empty when all of them stand there.
  absl::StatusOr<std::string> Missing(const v1::GateAt& at,
                                      const Events& events);
  absl::Status DropLost(const World& before, const World& after);
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
  // CPUs without a process: killed, and not attached again. What their devices
  // have to say to the new one, it is told when it is there.
  std::map<std::uint32_t, std::vector<World::Pending>> absent_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_FOLLOWER_H_
