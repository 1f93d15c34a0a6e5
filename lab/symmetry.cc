#include "lab/symmetry.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace belfry::lab {
namespace {

// All renamings of one more are too many: each value of a machine has a
// fingerprint by each. Further CPUs are told apart.
constexpr std::size_t kExchangeableMax = 5;

// All but those that something chooses by name:
// - the victim, and CPU 0, which booted the machine and brought the others up;
// - the lowest CPU online beside the victim: it runs the control steps, and is
//   handed over to. Each kill may make it the next one.
std::vector<std::uint32_t> Exchangeable(const Scope& scope) {
  std::vector<std::uint32_t> cpus;
  std::uint32_t chosen = 0;
  for (std::uint32_t cpu = 0; cpu < scope.cpus; ++cpu) {
    if (cpu == scope.victim || chosen++ <= scope.kills || cpu == 0) continue;
    if (cpus.size() < kExchangeableMax) cpus.push_back(cpu);
  }
  if (cpus.size() < 2) cpus.clear();
  return cpus;
}

}  // namespace

Symmetry::Symmetry(const Scope& scope) {
  const std::vector<std::uint32_t> cpus = Exchangeable(scope);
  if (cpus.empty()) return;
  for (const std::uint32_t cpu : cpus) exchangeable_.Add({cpu});
  std::vector<std::uint32_t> names = cpus;
  do {
    Renaming& renaming = renamings_.emplace_back();
    renaming.cpus.resize(scope.cpus);
    std::iota(renaming.cpus.begin(), renaming.cpus.end(), 0U);
    for (std::size_t i = 0; i < cpus.size(); ++i) {
      renaming.cpus[cpus[i]] = names[i];
    }
    // The boot brings each CPU but the first online by one.
    renaming.first_op = {scope.cpus};
  } while (std::next_permutation(names.begin(), names.end()));
}

Symmetry SymmetryOf(const ExploreOptions& options) {
  return options.symmetry ? Symmetry(options.scope) : Symmetry();
}

}  // namespace belfry::lab
