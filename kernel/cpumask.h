// A set of CPUs, and the kernel's text form of it, the cpulist ("0-2,5").
#ifndef BELFRY_KERNEL_CPUMASK_H_
#define BELFRY_KERNEL_CPUMASK_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernel/ids.h"

namespace belfry::kernel {

// A value. Not thread-safe for writing.
class CpuMask {
 public:
  CpuMask() = default;
  CpuMask(std::initializer_list<std::uint32_t> cpus);
  // CPUs 0 .. count - 1.
  static CpuMask FirstN(std::uint32_t count);

  void Add(CpuId cpu);
  void Remove(CpuId cpu);
  bool Has(CpuId cpu) const;
  bool empty() const { return words_.empty(); }
  std::uint32_t count() const;

  // The lowest CPU; nothing when empty.
  std::optional<CpuId> first() const;
  // The lowest CPU above `cpu`.
  std::optional<CpuId> next(CpuId cpu) const;
  // All of them, ascending.
  std::vector<CpuId> cpus() const;

  bool IsSubsetOf(const CpuMask& other) const;

  friend bool operator==(const CpuMask&, const CpuMask&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const CpuMask& m) {
    return H::combine(std::move(h), m.words_);
  }

 private:
  // Without trailing zero words, so that equal sets are equal vectors.
  std::vector<std::uint64_t> words_;
};

// "0-2,5", "" for the empty set, as bitmap_print_to_pagebuf() prints it.
std::string FormatCpuList(const CpuMask& mask);

// The reverse; accepts what the kernel's cpulist_parse() accepts of plain
// lists: numbers and ranges in any order, separated by commas. InvalidArgument
// names the part that is wrong. Numbers reach to kMaxCpus - 1.
absl::StatusOr<CpuMask> ParseCpuList(absl::string_view text);

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_CPUMASK_H_
