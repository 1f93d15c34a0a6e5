// Which CPUs of an explored machine are as good as one another. States that
// differ in no more than which of these is which lead to the same, but for
// that: a search that has seen one has seen them all. docs/EXPLORER.md has the
// argument.
#ifndef BELFRY_LAB_SYMMETRY_H_
#define BELFRY_LAB_SYMMETRY_H_

#include <span>
#include <vector>

#include "kernel/cpumask.h"
#include "lab/explorer.h"
#include "lab/renaming.h"

namespace belfry::lab {

// A value, constant after construction.
class Symmetry {
 public:
  // Nobody is as good as another.
  Symmetry() = default;
  // Of the worlds that StartOf() the scope leads to.
  explicit Symmetry(const Scope& scope);

  // Two at least, or none.
  const kernel::CpuMask& exchangeable() const { return exchangeable_; }
  // Every way to exchange them; none where there is nothing to exchange.
  std::span<const Renaming> renamings() const { return renamings_; }

 private:
  kernel::CpuMask exchangeable_;
  std::vector<Renaming> renamings_;
};

// That which a search makes use of.
Symmetry SymmetryOf(const ExploreOptions& options);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SYMMETRY_H_
