// Every state once, those with the shortest ways first.
#ifndef BELFRY_LAB_BREADTH_FIRST_H_
#define BELFRY_LAB_BREADTH_FIRST_H_

#include "lab/explorer.h"
#include "lab/visited.h"

namespace belfry::lab {

// What a state takes at least for as long as the search goes on.
inline constexpr std::size_t kLeastBytesPerState = Visited::kBytesPerSlot;

ExploreResult SearchBreadthFirst(const ExploreOptions& options);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_BREADTH_FIRST_H_
