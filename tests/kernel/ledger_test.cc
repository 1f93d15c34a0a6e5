#include "kernel/ledger.h"

#include <gtest/gtest.h>

namespace belfry::kernel {
namespace {

constexpr CpuId kSelf{0};
constexpr CpuId kOther{1};
constexpr CsdKey kTheirs = {kOther, Incarnation{5}, 1};

TraceEvent Sent(TraceKind kind, std::int64_t value, std::int64_t value2 = 0) {
  return {.kind = kind, .about = kOther, .value = value, .value2 = value2};
}

TEST(LedgerTest, EveryCallIssuedIsPendingUntilItEnds) {
  Ledger ledger(kSelf);
  for (int i = 0; i < 4; ++i) {
    ledger.Apply(Sent(TraceKind::kCsdQueueCpu, 0));
  }
  const LedgerRow& row = ledger.rows().at(kOther);
  EXPECT_EQ(row.pending(), 4U);
  ledger.Apply(Sent(TraceKind::kCsdDone, 0, 1));
  ledger.Apply(Sent(TraceKind::kCsdLost, 130, 1));
  ledger.Apply(Sent(TraceKind::kCsdRefused, 105, 1));
  EXPECT_EQ(row.pending(), 1U);
  EXPECT_EQ(row.refused.at(Errno::kEnobufs), 1U);
  // Issued again after it found no room: the same call still.
  ledger.Apply(Sent(TraceKind::kCsdQueueCpu, 1));
  EXPECT_EQ(row.issued, 4U);
  // Refused before it was sent: issued and ended in one.
  ledger.Apply(Sent(TraceKind::kCsdRefused, 6, 0));
  EXPECT_EQ(row.issued, 5U);
  EXPECT_EQ(row.pending(), 1U);
  EXPECT_EQ(row.issued,
            row.completed + row.refused_total() + row.lost + row.pending());
}

TEST(LedgerTest, InboundByTheProcessThatSent) {
  Ledger ledger(kSelf);
  const auto at = [&](TraceKind kind, CsdKey key, std::string detail = "") {
    ledger.Apply({.kind = kind, .csd = key, .detail = std::move(detail)});
  };
  at(TraceKind::kCsdEnqueued, kTheirs);
  at(TraceKind::kCsdEnqueued, kTheirs);
  at(TraceKind::kCsdEnqueued, kTheirs);
  at(TraceKind::kCsdFunctionExit, kTheirs, "doorbell");
  at(TraceKind::kCsdFunctionExit, kTheirs, "late");
  at(TraceKind::kCsdEnqueued, kTheirs);
  at(TraceKind::kCsdEnqueued, kTheirs);
  at(TraceKind::kCsdDropped, kTheirs);
  at(TraceKind::kCsdReturned, kTheirs);
  at(TraceKind::kCsdDuplicate, kTheirs);
  at(TraceKind::kCsdFunctionExit, {kSelf, Incarnation{1}, 1}, "self");
  const InboundRow& row = ledger.inbound().at({kOther, Incarnation{5}});
  EXPECT_EQ(row.enqueued, 5U);
  EXPECT_EQ(row.run, 2U);
  EXPECT_EQ(row.dropped, 1U);
  EXPECT_EQ(row.returned, 1U);
  EXPECT_EQ(row.queued(), 1U);
  EXPECT_EQ(ledger.ran_late(), 1U);
  EXPECT_EQ(ledger.duplicates(), 1U);
  EXPECT_EQ(ledger.inbound().size(), 1U);
}

}  // namespace
}  // namespace belfry::kernel
