// One CPU alone, for tests that say what it does line by line.
#ifndef BELFRY_TESTS_SUPPORT_LONE_CPU_H_
#define BELFRY_TESTS_SUPPORT_LONE_CPU_H_

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "kernel/cpu.h"
#include "kernel/ledger.h"
#include "tests/support/effect_text.h"
#include "tests/support/preset.h"

namespace belfry::testing {

inline constexpr kernel::Incarnation kFirstLife{1};

// A preset, and one knob on top of it.
inline kernel::Profile ProfileWith(absl::string_view preset,
                                   absl::string_view knob = "",
                                   absl::string_view value = "") {
  kernel::Profile profile = Preset(preset);
  if (!knob.empty()) {
    EXPECT_TRUE(kernel::SetKnob(&profile, knob, value).ok());
  }
  return profile;
}

// A CPU that was told of its peers, and is on its way up.
class LoneCpu {
 public:
  // `peers`: the other CPUs that have a process.
  LoneCpu(kernel::CpuConfig config, const kernel::CpuMask& peers)
      : cpu(std::move(config)), ledger(cpu.id()) {
    for (const kernel::CpuId peer : peers.cpus()) {
      Do(kernel::PeerIs{peer, kFirstLife});
    }
    BringUp(1);
  }
  // `online`: CPUs of its first view.
  LoneCpu(kernel::CpuConfig config, const kernel::CpuMask& peers,
          kernel::CpuMask online)
      : LoneCpu(std::move(config), peers) {
    Do(kernel::SetView{{1, std::move(online)}});
  }

  void BringUp(std::uint32_t op) {
    Do(kernel::Kick{kernel::OpId{op}});
    Do(kernel::BringOnline{kernel::OpId{op}});
  }

  std::vector<std::string> Do(kernel::CpuEvent event) {
    kernel::CpuEffects effects;
    cpu.Step(std::move(event), effects);
    for (const kernel::CpuEffect& effect : effects) {
      const auto* trace = std::get_if<kernel::Trace>(&effect);
      if (trace == nullptr) continue;
      ledger.Apply(trace->event);
      ++traced[trace->event.kind];
    }
    return EffectLines(effects);
  }

  kernel::Cpu cpu;
  kernel::Ledger ledger;
  // How often each has been.
  std::map<kernel::TraceKind, int> traced;
};

// CPU 0 of a machine of CPUs 0 to 4, of which 4 is offline.
struct FirstOfFive : LoneCpu {
  explicit FirstOfFive(kernel::Profile profile, bool split = false)
      : LoneCpu({.id = {0},
                 .incarnation = kFirstLife,
                 .profile = std::move(profile),
                 .split_doorbell = split},
                {1, 2, 3, 4}, {0, 1, 2, 3}) {}
};

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_LONE_CPU_H_
