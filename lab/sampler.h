// Schedules by chance, for machines too large to see every interleaving of.
#ifndef BELFRY_LAB_SAMPLER_H_
#define BELFRY_LAB_SAMPLER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernel/invariants.h"
#include "kernel/profile.h"
#include "lab/explorer.h"

namespace belfry::lab {

enum class Scheduler : std::uint8_t {
  // Any of what can move, each as likely as the other.
  kUniform,
  // Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): lanes
  // have priorities drawn by chance, the highest that can move does, and at
  // depth - 1 moves drawn by chance the one that would move falls to the end. A
  // bug that needs `depth` moves in order is met with a probability that only
  // depends on the number of moves and lanes.
  kPct,
};

struct SampleOptions {
  kernel::Profile profile;
  // Its faults are not made.
  Scope scope;
  Scheduler scheduler = Scheduler::kUniform;
  // Of kPct; at least 1.
  std::uint32_t depth = 3;
  std::uint64_t schedules = 1;
  std::uint64_t seed = 1;
  // Called now and then with the schedules that were tried; false stops. May be
  // empty.
  std::function<bool(std::uint64_t)> progress;
};

struct SampleResult {
  // Schedules that were played to their end, the one that hangs included.
  std::uint64_t schedules = 0;
  // Messages delivered in all of them.
  std::uint64_t moves = 0;
  // Of the one that hangs, and then the last: its moves by name, as in
  // ExploreResult, and what waits. Empty when none does.
  std::vector<std::string> schedule;
  kernel::Violations violations;
};

// The same for the same options everywhere.
SampleResult Sample(const SampleOptions& options);

// The highest probability of a hang in one schedule that is still likely enough
// (at 95 %) when none was seen in so many, one or more: the rule of three.
double UpperBound(std::uint64_t schedules);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SAMPLER_H_
