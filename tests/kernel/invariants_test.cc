#include "kernel/invariants.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace belfry::kernel {
namespace {

constexpr CpuId kA{0};
constexpr CpuId kB{1};

CsdKey Number(Seq seq) { return {kA, Incarnation{1}, seq}; }

TraceEvent Detail(TraceKind kind, std::string detail) {
  return {.kind = kind, .value = 1, .detail = std::move(detail)};
}

TraceEvent EntersRun(bool active) {
  TraceEvent run = Detail(TraceKind::kStopState, "RUN");
  run.value2 = active ? 1 : 0;
  return run;
}

TraceEvent About(TraceKind kind, Seq seq, std::string detail = "doorbell") {
  return {.kind = kind,
          .about = kB,
          .csd = Number(seq),
          .detail = std::move(detail)};
}

std::vector<Invariant> Found(const TraceObserver& observer) {
  std::vector<Invariant> found;
  for (const Violation& v : observer.violations()) {
    EXPECT_FALSE(v.what.empty());
    found.push_back(v.invariant);
  }
  return found;
}

// B is online, and A has sent it calls 1 to 3.
TraceObserver Begun() {
  TraceObserver observer;
  observer.Observe(kB, Detail(TraceKind::kCpuLife, "ONLINE"));
  for (Seq seq : {1, 2, 3}) {
    observer.Observe(kA, About(TraceKind::kCsdQueueCpu, seq));
  }
  return observer;
}

void RunCall(TraceObserver& observer, Seq seq,
             std::string detail = "doorbell") {
  observer.Observe(kB, About(TraceKind::kCsdFunctionEntry, seq, detail));
  observer.Observe(kB, About(TraceKind::kCsdFunctionExit, seq, detail));
}

using Kinds = std::vector<Invariant>;

TEST(InvariantNamesTest, RoundTrip) {
  for (absl::string_view name : kInvariantNames) {
    ASSERT_TRUE(ParseInvariant(name).has_value());
    EXPECT_EQ(InvariantName(*ParseInvariant(name)), name);
  }
  EXPECT_EQ(ParseInvariant("none"), std::nullopt);
}

TEST(TraceObserverTest, ContentWithAGoodRun) {
  TraceObserver observer = Begun();
  for (Seq seq : {1, 2, 3}) RunCall(observer, seq);
  EXPECT_EQ(Found(observer), Kinds{});
}

// A ring that is read too late has overwritten how its CPU came online. Of one
// that is held for dead nothing is asked after it, either.
TEST(TraceObserverTest, WhatIsMissingWasInOrder) {
  for (const bool missing : {false, true}) {
    TraceObserver observer = Begun();
    observer.Observe(kB, Detail(TraceKind::kCpuLife, "DEAD"));
    if (missing) observer.ObserveLoss(kB);
    RunCall(observer, 1);
    EXPECT_EQ(Found(observer),
              missing ? Kinds{} : Kinds{Invariant::kNoCallOnDeadCpu});
  }
  TraceObserver observer = Begun();
  observer.ObserveCoordinator({.kind = TraceKind::kCpuCrashed, .about = kB});
  observer.ObserveLoss(kB);
  RunCall(observer, 1);
  EXPECT_EQ(Found(observer), Kinds{});
}

TEST(TraceObserverTest, Twice) {
  TraceObserver observer = Begun();
  RunCall(observer, 1);
  RunCall(observer, 2);
  RunCall(observer, 1);
  EXPECT_EQ(Found(observer), Kinds{Invariant::kAtMostOnce});
}

TEST(TraceObserverTest, OutOfOrder) {
  TraceObserver observer = Begun();
  RunCall(observer, 2);
  RunCall(observer, 1);
  EXPECT_EQ(Found(observer), Kinds{Invariant::kOrder});
}

TEST(TraceObserverTest, NotItsTarget) {
  TraceObserver observer = Begun();
  observer.Observe(kA, Detail(TraceKind::kCpuLife, "ONLINE"));
  observer.Observe(kA, About(TraceKind::kCsdFunctionEntry, 1));
  EXPECT_EQ(Found(observer), Kinds{Invariant::kItsOwnTarget});
}

TEST(TraceObserverTest, OnADeadCpu) {
  TraceObserver observer = Begun();
  observer.Observe(kB, Detail(TraceKind::kCpuLife, "SHOULD_DIE"));
  RunCall(observer, 1, "flush");
  EXPECT_EQ(Found(observer), Kinds{});
  RunCall(observer, 2, "late");
  EXPECT_EQ(Found(observer), Kinds{Invariant::kNoCallOnDeadCpu});
}

TEST(TraceObserverTest, RunsWhileAnotherIsStopped) {
  TraceObserver observer = Begun();
  observer.Observe(kA, EntersRun(/*active=*/true));
  RunCall(observer, 1);
  observer.Observe(kA, Detail(TraceKind::kStopAck, "RUN"));
  RunCall(observer, 2);
  EXPECT_EQ(Found(observer), Kinds{}) << "tentative";
  observer.ObserveCoordinator(Detail(TraceKind::kStopPublish, "EXIT"));
  EXPECT_EQ(Found(observer), Kinds{Invariant::kStoppedMeansStopped});
  observer.Observe(kA, Detail(TraceKind::kStopState, "EXIT"));
  EXPECT_EQ(Found(observer).size(), 1U);
}

TEST(TraceObserverTest, WhatIsNotCommittedDidNotHappen) {
  TraceObserver observer = Begun();
  observer.Observe(kA, EntersRun(/*active=*/true));
  RunCall(observer, 1);
  observer.Observe(kA, Detail(TraceKind::kStopAbort, "RUN"));
  TraceEvent next = Detail(TraceKind::kStopPublish, "EXIT");
  ++next.value;
  observer.ObserveCoordinator(next);
  EXPECT_EQ(Found(observer), Kinds{});
}

TEST(TraceObserverTest, RanAlreadyWhenTheEffectBegan) {
  TraceObserver observer = Begun();
  observer.Observe(kB, About(TraceKind::kCsdFunctionEntry, 1));
  // An inactive CPU has no effect.
  observer.Observe(kA, EntersRun(/*active=*/false));
  observer.Observe(kA, Detail(TraceKind::kStopAck, "RUN"));
  EXPECT_EQ(Found(observer), Kinds{});
  observer.Observe(kA, EntersRun(/*active=*/true));
  observer.Observe(kA, Detail(TraceKind::kStopState, "EXIT"));
  EXPECT_EQ(Found(observer), Kinds{Invariant::kStoppedMeansStopped});
}

// In a merged trace what one CPU does at once has others' events in between.
TEST(TraceObserverTest, TheVictimFlushesWhileAnotherAcknowledgesRun) {
  TraceObserver observer = Begun();
  observer.Observe(kA, EntersRun(/*active=*/false));
  observer.Observe(kB, EntersRun(/*active=*/true));
  observer.Observe(kB, Detail(TraceKind::kCpuLife, "SHOULD_DIE"));
  RunCall(observer, 1, "flush");
  observer.Observe(kA, Detail(TraceKind::kStopAck, "RUN"));
  observer.Observe(kB, Detail(TraceKind::kStopAck, "RUN"));
  observer.ObserveCoordinator(Detail(TraceKind::kStopPublish, "EXIT"));
  EXPECT_EQ(Found(observer), Kinds{});
}

TEST(TraceObserverTest, ANewProcessCountsAnew) {
  TraceObserver observer = Begun();
  RunCall(observer, 1);
  observer.ObserveCoordinator({.kind = TraceKind::kCpuCrashed, .about = kB});
  observer.Observe(kB, Detail(TraceKind::kCpuLife, "ONLINE"));
  observer.Observe(kA, About(TraceKind::kCsdQueueCpu, 1));
  RunCall(observer, 1);
  EXPECT_EQ(Found(observer), Kinds{});
}

// A process that is cut off from the coordinator alone is held for dead, and
// goes on until it hears of that: with what it has, and what its callers send
// that have not heard of it either.
TEST(TraceObserverTest, WhatAProcessDoesThatIsHeldForDead) {
  TraceObserver observer = Begun();
  RunCall(observer, 1);
  observer.ObserveCoordinator({.kind = TraceKind::kCpuCrashed, .about = kB});
  observer.Observe(kA, EntersRun(/*active=*/true));
  RunCall(observer, 2);
  observer.Observe(kA, Detail(TraceKind::kStopAck, "RUN"));
  observer.ObserveCoordinator(Detail(TraceKind::kStopPublish, "EXIT"));
  observer.Observe(kA, About(TraceKind::kCsdQueueCpu, 4));
  RunCall(observer, 3);
  EXPECT_EQ(Found(observer), Kinds{});

  observer.Observe(kB, Detail(TraceKind::kCpuLife, "ONLINE"));
  for (Seq seq : {1, 2, 3, 4}) {
    observer.Observe(kA, About(TraceKind::kCsdQueueCpu, seq));
    RunCall(observer, seq);
  }
  EXPECT_EQ(Found(observer), Kinds{});
}

// A call is named by its source's process, too; that of its target does not
// make it another one.
TEST(TraceObserverTest, TwiceInOneLifeOrInTwo) {
  struct Case {
    std::string name;
    // Of the target, between the two runs.
    bool crash;
    // Of the source.
    bool next_life;
    Kinds found;
  };
  for (const Case& c : {
           Case{"one process", false, false, {Invariant::kAtMostOnce}},
           Case{"the target's next one", true, false, {Invariant::kAtMostOnce}},
           Case{"the source's next one", false, true, {}},
       }) {
    SCOPED_TRACE(c.name);
    TraceObserver observer = Begun();
    RunCall(observer, 1);
    if (c.crash) {
      observer.ObserveCoordinator(
          {.kind = TraceKind::kCpuCrashed, .about = kB});
      observer.Observe(kB, Detail(TraceKind::kCpuLife, "ONLINE"));
    }
    TraceEvent queue = About(TraceKind::kCsdQueueCpu, 1);
    TraceEvent entry = About(TraceKind::kCsdFunctionEntry, 1);
    if (c.next_life) {
      queue.csd->src_incarnation = entry.csd->src_incarnation = Incarnation{2};
      observer.Observe(kA, queue);
    }
    observer.Observe(kB, entry);
    EXPECT_EQ(Found(observer), c.found);
  }
}

TEST(TraceObserverTest, TwiceInTheNextLifeOfTheTarget) {
  TraceObserver observer = Begun();
  RunCall(observer, 1);
  observer.ObserveCoordinator({.kind = TraceKind::kCpuCrashed, .about = kB});
  observer.Observe(kB, Detail(TraceKind::kCpuLife, "ONLINE"));
  observer.Observe(kA, About(TraceKind::kCsdQueueCpu, 1));
  RunCall(observer, 1);
  EXPECT_EQ(Found(observer), Kinds{});
  RunCall(observer, 1);
  EXPECT_EQ(Found(observer), Kinds{Invariant::kAtMostOnce});
}

}  // namespace
}  // namespace belfry::kernel
