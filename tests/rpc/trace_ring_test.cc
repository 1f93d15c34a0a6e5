// The trace that a process keeps: its last events, and how many went before.
#include "rpc/trace_ring.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace belfry::rpc {
namespace {

struct Kept {
  std::size_t capacity;
  std::vector<std::uint64_t> lamports;
  std::uint64_t overwritten;
};

TEST(TraceRingTest, KeepsTheLastEvents) {
  for (const Kept& expected :
       {Kept{.capacity = 0, .lamports = {}, .overwritten = 5},
        Kept{.capacity = 2, .lamports = {4, 5}, .overwritten = 3},
        Kept{.capacity = 5, .lamports = {1, 2, 3, 4, 5}, .overwritten = 0},
        Kept{.capacity = 9, .lamports = {1, 2, 3, 4, 5}, .overwritten = 0}}) {
    SCOPED_TRACE(expected.capacity);
    TraceRing ring(kernel::CpuId{1}, kernel::Incarnation{7}, expected.capacity);
    for (std::uint64_t lamport = 1; lamport <= 5; ++lamport) {
      ring.Add(lamport, {}, {.kind = kernel::TraceKind::kKick});
    }
    const v1::ReadTraceResponse read =
        ring.Read(0, [](kernel::FuncId) { return std::string(); });
    std::vector<std::uint64_t> lamports;
    for (const v1::TraceEvent& event : read.events()) {
      lamports.push_back(event.lamport());
      EXPECT_EQ(event.incarnation(), 7U);
    }
    EXPECT_EQ(lamports, expected.lamports);
    EXPECT_EQ(read.overwritten(), expected.overwritten);
  }
}

}  // namespace
}  // namespace belfry::rpc
