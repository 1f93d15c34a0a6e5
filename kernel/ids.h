// The names of things, as strong types: a CPU number is no sequence number.
#ifndef BELFRY_KERNEL_IDS_H_
#define BELFRY_KERNEL_IDS_H_

#include <compare>
#include <cstdint>
#include <utility>

namespace belfry::kernel {

template <typename Tag, typename Rep>
struct Id {
  Rep value{};

  friend auto operator<=>(Id, Id) = default;
  template <typename H>
  friend H AbslHashValue(H h, Id id) {
    return H::combine(std::move(h), id.value);
  }
};

// 0 .. kMaxCpus - 1.
using CpuId = Id<struct CpuTag, std::uint32_t>;
// The kernel's own limit with CONFIG_MAXSMP.
inline constexpr std::uint32_t kMaxCpus = 8192;

// One life of a CPU's process. Drawn when the process starts; 0 is no process.
using Incarnation = Id<struct IncarnationTag, std::uint64_t>;

// Names one function in one process; names cross the wire, ids do not.
using FuncId = Id<struct FuncTag, std::uint16_t>;

// A stop_machine round. Journaled, never reused, rising.
using Generation = Id<struct GenerationTag, std::uint64_t>;

// One life of the coordinator. Journaled, rising.
using Epoch = Id<struct EpochTag, std::uint64_t>;

// A hotplug or stop_machine operation of the coordinator. 0 is none.
using OpId = Id<struct OpTag, std::uint32_t>;

// A walk over hotplug steps: its operation, and which of that one's it is.
// Rising.
using WalkId = Id<struct WalkTag, std::uint64_t>;
constexpr WalkId WalkOf(OpId op, std::uint32_t which) {
  return {(std::uint64_t{op.value} << 16) + which};
}

// Counts the calls of one source incarnation to one target incarnation, from 1.
using Seq = std::uint64_t;

// Names a call wherever its target is understood.
struct CsdKey {
  CpuId src;
  Incarnation src_incarnation;
  Seq seq = 0;

  friend auto operator<=>(const CsdKey&, const CsdKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const CsdKey& k) {
    return H::combine(std::move(h), k.src, k.src_incarnation, k.seq);
  }
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_IDS_H_
