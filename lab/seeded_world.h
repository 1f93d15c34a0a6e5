// A lab::World whose moves and faults one seed picks, judged as it goes: the
// same seed gives the same run everywhere.
#ifndef BELFRY_LAB_SEEDED_WORLD_H_
#define BELFRY_LAB_SEEDED_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "lab/random.h"
#include "lab/referee.h"
#include "lab/world.h"

namespace belfry::lab {

struct SeededOptions {
  kernel::Profile profile;
  std::uint32_t cpus = 4;
  std::uint64_t seed = 0;
  bool split_doorbell = false;
  std::size_t queue_capacity = 65536;
  // Of ten chances that a doorbell has to arrive, so many pass unused.
  int doorbell_lateness = 0;
};

class SeededWorld {
 public:
  // Nothing is attached yet; BootAll() makes a machine of it.
  explicit SeededWorld(SeededOptions options);

  // Attaches every CPU and brings all of them online.
  void BootAll();

  // ---- What happens to the machine. Each is a message that arrives some time.

  kernel::Token Call(std::uint32_t cpu, std::uint32_t dst, bool wait) {
    return world_.Call(cpu, dst, wait);
  }
  kernel::Token StopTwo(std::uint32_t cpu, std::uint32_t a, std::uint32_t b) {
    return world_.StopTwo(cpu, a, b);
  }
  void DeviceIrq(std::uint32_t cpu, std::uint32_t submitter) {
    world_.DeviceIrq(cpu, submitter);
  }
  void Tell(std::uint32_t cpu, kernel::CpuEvent event) {
    world_.Tell(cpu, std::move(event));
  }
  kernel::OpId Ask(kernel::Request request) {
    return world_.Ask(std::move(request));
  }
  kernel::OpId Online(std::uint32_t cpu);
  kernel::OpId Offline(std::uint32_t cpu);
  void TellCoordinator(kernel::CoordinatorEvent event) {
    world_.TellCoordinator(std::move(event));
  }

  // ---- Faults, at once: see World.

  void Crash(std::uint32_t cpu);
  void Restart(std::uint32_t cpu) { world_.Restart(cpu); }
  void BreakData(std::uint32_t from, std::uint32_t to);
  void BreakControl(std::uint32_t cpu);
  void CrashCoordinator();
  void RestartCoordinator() { world_.RestartCoordinator(); }

  // ---- Gates, by the names of kernel/gate.h.

  static constexpr std::uint32_t kCoordinator = World::kCoordinator;
  void Hold(std::uint32_t place, absl::string_view gate) {
    world_.Hold(place, gate);
  }
  void Release(std::uint32_t place, absl::string_view gate) {
    world_.Release(place, gate);
  }
  bool IsHeldAt(std::uint32_t place, absl::string_view gate) const {
    return world_.IsHeldAt(place, gate);
  }

  // ---- Running.

  // Delivers one message that the seed chooses; false if there is none.
  bool Step();
  // Until nothing moves any more.
  void Run();
  // True as soon as `done` is.
  bool RunUntil(const std::function<bool()>& done);
  void PassTime() { world_.PassTime(); }
  // Run() and PassTime() until neither changes anything.
  void Settle();

  // ---- Looking.

  const World& world() const { return world_; }
  bool alive(std::uint32_t cpu) const { return world_.alive(cpu); }
  const kernel::Cpu& cpu(std::uint32_t n) const { return world_.cpu(n); }
  const kernel::Ledger& ledger(std::uint32_t n) const {
    return referee_.ledger(n);
  }
  bool coordinator_up() const { return world_.coordinator_up(); }
  const kernel::Coordinator& coordinator() const {
    return world_.coordinator();
  }
  kernel::Coordinator& coordinator() { return world_.MutableCoordinator(); }
  // How operations and calls have ended.
  const std::map<kernel::OpId, kernel::Operation>& ended_ops() const {
    return ended_ops_;
  }
  const std::map<kernel::Token, kernel::CallEnded>& ended_calls() const {
    return ended_calls_;
  }
  // What was ever violated: call Judge() after every Step(), and at the end
  // with `at_rest`.
  void Judge(bool at_rest = false);
  const std::map<kernel::Invariant, std::string>& violated() const {
    return referee_.violated();
  }
  // The trace, one line an event; the coordinator is "cpu -1".
  const std::string& trace() const { return trace_; }

 private:
  Choose Chooser();
  void See(const Happenings& happenings);

  SeededOptions options_;
  Random random_;
  World world_;
  lab::Referee referee_;
  std::map<kernel::OpId, kernel::Operation> ended_ops_;
  std::map<kernel::Token, kernel::CallEnded> ended_calls_;
  std::string trace_;
  std::size_t moves_ = 0;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SEEDED_WORLD_H_
