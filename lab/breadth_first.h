// Every state once, those with the shortest ways first.
#ifndef BELFRY_LAB_BREADTH_FIRST_H_
#define BELFRY_LAB_BREADTH_FIRST_H_

#include "lab/explorer.h"

namespace belfry::lab {

// Bytes that a search which keeps so many states takes at least.
std::size_t LeastBytesFor(std::size_t states);

ExploreResult SearchBreadthFirst(const ExploreOptions& options);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_BREADTH_FIRST_H_
