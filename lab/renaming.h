// The same machine with its CPUs called by other numbers.
#ifndef BELFRY_LAB_RENAMING_H_
#define BELFRY_LAB_RENAMING_H_

#include <concepts>
#include <cstdint>
#include <vector>

#include "kernel/cpumask.h"
#include "kernel/ids.h"

namespace belfry::lab {

struct Renaming {
  // The new number of each, by the old one. What is no CPU of theirs keeps its
  // number.
  std::vector<std::uint32_t> cpus;
  // Operations before this one are over, and so are their walks: which of them
  // a CPU remembers is of no matter any more.
  kernel::OpId first_op;

  kernel::CpuId operator()(kernel::CpuId cpu) const {
    return cpu.value < cpus.size() ? kernel::CpuId{cpus[cpu.value]} : cpu;
  }
  kernel::CpuMask operator()(const kernel::CpuMask& mask) const {
    kernel::CpuMask renamed;
    for (const kernel::CpuId cpu : mask.cpus()) renamed.Add((*this)(cpu));
    return renamed;
  }
  kernel::OpId operator()(kernel::OpId op) const {
    return op < first_op ? kernel::OpId{} : op;
  }
  kernel::WalkId operator()(kernel::WalkId walk) const {
    return walk < kernel::WalkOf(first_op, 0) ? kernel::WalkId{} : walk;
  }
};

// What has another name in a renamed machine. Values that are made of such are
// renamed part by part: see lab/fingerprint.h.
template <typename T>
concept Renamable = requires(const Renaming& renaming, const T& value) {
  { renaming(value) } -> std::same_as<T>;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_RENAMING_H_
