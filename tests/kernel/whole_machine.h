// A whole machine in memory, for tests of its operations.
#ifndef BELFRY_TESTS_KERNEL_WHOLE_MACHINE_H_
#define BELFRY_TESTS_KERNEL_WHOLE_MACHINE_H_

#include <gtest/gtest.h>

#include <cstdint>

#include "kernel/coordinator.h"
#include "tests/support/at_rest.h"
#include "tests/support/preset.h"
#include "tests/support/world.h"

namespace belfry::kernel {

inline constexpr std::uint32_t kVictim = 3;
inline constexpr std::uint32_t kCoordinator = testing::World::kCoordinator;

using testing::Preset;

inline testing::World Booted(absl::string_view preset = "belfry",
                             std::uint64_t seed = 1) {
  testing::World w({.profile = Preset(preset), .seed = seed});
  w.BootAll();
  return w;
}

inline const Operation& End(testing::World& w, OpId id) {
  w.Run();
  const auto op = w.ended_ops().find(id);
  if (op == w.ended_ops().end()) {
    ADD_FAILURE() << "operation " << id.value << " has not ended\n"
                  << w.trace();
    static const Operation kNone;
    return kNone;
  }
  return op->second;
}

inline void ExpectAtRest(testing::World& w) {
  w.Settle();
  w.Judge(true);
  EXPECT_EQ(testing::Unrest(w), "") << w.trace();
  for (const auto& [invariant, what] : w.violated()) {
    ADD_FAILURE() << InvariantName(invariant) << ": " << what;
  }
}

// The rest of the machine must work as if nothing had been.
inline void ExpectCycle(testing::World& w, std::uint32_t cpu) {
  if (!w.alive(cpu)) w.Restart(cpu);
  w.Run();
  if (!w.coordinator().view().online.Has({cpu})) {
    EXPECT_EQ(End(w, w.Online(cpu)).error, Errno::kOk);
  }
  EXPECT_EQ(End(w, w.Offline(cpu)).error, Errno::kOk);
  EXPECT_EQ(End(w, w.Online(cpu)).error, Errno::kOk);
  ExpectAtRest(w);
}

}  // namespace belfry::kernel

#endif  // BELFRY_TESTS_KERNEL_WHOLE_MACHINE_H_
