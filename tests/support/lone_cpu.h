// One CPU alone, for tests that say what it does line by line.
#ifndef BELFRY_TESTS_SUPPORT_LONE_CPU_H_
#define BELFRY_TESTS_SUPPORT_LONE_CPU_H_

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kernel/cpu.h"
#include "tests/support/effect_text.h"

namespace belfry::testing {

inline constexpr kernel::Incarnation kFirstLife{1};

// A preset, and one knob on top of it.
inline kernel::Profile ProfileWith(absl::string_view preset,
                                   absl::string_view knob = "",
                                   absl::string_view value = "") {
  kernel::Profile profile = kernel::PresetByName(preset).value();
  if (!knob.empty()) {
    EXPECT_TRUE(kernel::SetKnob(&profile, knob, value).ok());
  }
  return profile;
}

// CPU 0 of a machine of CPUs 0 to 4, of which 4 is offline.
struct LoneCpu {
  explicit LoneCpu(kernel::Profile profile, bool split = false)
      : cpu({.id = {0},
             .incarnation = kFirstLife,
             .profile = std::move(profile),
             .split_doorbell = split}) {
    for (std::uint32_t peer = 1; peer <= 4; ++peer) {
      Do(kernel::PeerIs{{peer}, kFirstLife});
    }
    Do(kernel::Kick{kernel::OpId{1}});
    Do(kernel::BringOnline{kernel::OpId{1}});
    Do(kernel::SetView{{1, {0, 1, 2, 3}}});
  }

  std::vector<std::string> Do(kernel::CpuEvent event) {
    kernel::CpuEffects effects;
    cpu.Step(std::move(event), effects);
    return EffectLines(effects);
  }

  kernel::Cpu cpu;
};

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_LONE_CPU_H_
