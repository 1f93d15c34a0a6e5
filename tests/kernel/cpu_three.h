// CPU 3 of a machine of CPUs 0, 1 and 3, and what its tests tell it.
#ifndef BELFRY_TESTS_KERNEL_CPU_THREE_H_
#define BELFRY_TESTS_KERNEL_CPU_THREE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernel/cpu.h"
#include "tests/support/lone_cpu.h"
#include "tests/support/preset.h"

namespace belfry::kernel {

inline constexpr CpuId kPeer{1};

using testing::Preset;

struct Machine : testing::LoneCpu {
  static constexpr std::size_t kCapacity = 8;

  explicit Machine(Profile profile = Preset("belfry"), bool split = false,
                   std::size_t capacity = kCapacity)
      : LoneCpu({.id = CpuId{3},
                 .incarnation = testing::kFirstLife,
                 .profile = std::move(profile),
                 .split_doorbell = split,
                 .queue_capacity = capacity},
                {0, 1}, {0, 1, 3}) {}

  std::vector<std::string> Publish(MultiStopState state, std::uint64_t round,
                                   CpuMask active, bool takedown = true) {
    StopPublish publish{.generation = Generation{round},
                        .state = state,
                        .active = std::move(active),
                        .takedown = takedown};
    if (takedown && state == MultiStopState::kExit) {
      View view{2, {0, 1, 3}};
      for (CpuId gone : publish.active.cpus()) view.online.Remove(gone);
      publish.view = view;
    }
    return Do(std::move(publish));
  }

  // Through a whole takedown of this CPU up to its death.
  void TakeDown() {
    for (MultiStopState state :
         {MultiStopState::kPrepare, MultiStopState::kDisableIrq,
          MultiStopState::kRun, MultiStopState::kExit}) {
      Publish(state, 1, {3});
    }
  }
};

inline Enqueue From(Seq seq, bool wait = true, bool fused = true,
                    Incarnation incarnation = testing::kFirstLife) {
  return {.csd = {.key = {kPeer, incarnation, seq}, .wait = wait},
          .fused = fused};
}

inline Call To(std::uint32_t dst, Token token = 7, bool wait = true) {
  return {.token = token, .dst = CpuId{dst}, .wait = wait};
}

inline Doorbell Ring(Seq seq) {
  return {.key = {kPeer, testing::kFirstLife, seq}};
}

}  // namespace belfry::kernel

#endif  // BELFRY_TESTS_KERNEL_CPU_THREE_H_
