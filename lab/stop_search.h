// Every state of a stop world.
#ifndef BELFRY_LAB_STOP_SEARCH_H_
#define BELFRY_LAB_STOP_SEARCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/invariants.h"
#include "lab/stop_world.h"

namespace belfry::lab {

struct StopSearchOptions {
  // At most so many are seen.
  std::uint64_t states = 5'000'000;
  // Finds a way to a violation sooner, and not a shortest one.
  bool depth_first = false;
  // One state in so many that are reached is followed until it comes to rest;
  // 0: none.
  std::uint64_t rest_sample = 0;
  // Leave out states from which nothing else can follow than from others. What
  // was sent may come again and again, or never. So whatever can follow from a
  // state can follow from one that differs in nothing but that more was sent:
  //
  // - a message that changes nothing where it comes, but is answered, has come,
  //   and the answer is there;
  // - of states that differ in what was sent only, those lead on in which
  //   nothing less was sent than in another.
  bool reduce = true;
};

struct StopSearch {
  std::uint64_t states = 0;
  // States that differ in no more than what was sent are one here.
  std::uint64_t places = 0;
  std::uint64_t transitions = 0;
  std::uint32_t depth = 0;
  // Every state was seen; else as many as were asked for.
  bool exhausted = false;
  // The way to the first violation that was found, and what that is.
  std::vector<std::string> way;
  kernel::Violations violations;
};
// Each state once.
StopSearch SearchStops(const StopScope& scope, const StopSearchOptions& how);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_STOP_SEARCH_H_
