#include "trace/space_time.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/seed_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::SeedTrace;
using ::belfry::testing::TraceWriter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Events = std::vector<v1::TraceEvent>;

std::string NameAt(const Events& events, std::optional<Position> position) {
  if (!position) return "-";
  const v1::TraceEvent& event = events[*position];
  return absl::StrCat(event.name(), event.detail().empty() ? "" : ":",
                      event.detail());
}

// "text: first event .. last event", with "!" when it is an alarm.
std::vector<std::string> Spans(const Events& events, SpanKind kind,
                               std::optional<std::uint32_t> cpu) {
  std::vector<std::string> found;
  for (const Span& span : MakeSpaceTime(events).spans) {
    if (span.kind != kind || span.cpu != cpu) continue;
    found.push_back(absl::StrCat(span.text, ": ", NameAt(events, span.begin),
                                 " .. ", NameAt(events, span.end),
                                 span.alarm ? " !" : ""));
  }
  return found;
}

std::vector<Crossing> Doorbells(const Events& events) {
  std::vector<Crossing> found = MakeSpaceTime(events).crossings;
  std::erase_if(found, [](const Crossing& one) { return !one.rings; });
  return found;
}

TEST(SpaceTimeTest, TheSeedsVictimIsMaskedThenAway) {
  const Events events = SeedTrace().events();
  EXPECT_THAT(Spans(events, SpanKind::kAway, 3),
              ElementsAre("going down: cpu_life:SHOULD_DIE .. cpu_life:DEAD",
                          "offline: cpu_life:DEAD .. cpu_life:KICKED",
                          "coming up: cpu_life:KICKED .. cpu_life:ONLINE"));
  // Away counts more than masked; the reset leaves it masked until it is up.
  EXPECT_THAT(
      Spans(events, SpanKind::kMasked, 3),
      ElementsAre(
          "interrupts masked: local_irq_disable:stop_machine .. "
          "cpu_life:SHOULD_DIE",
          "interrupts masked: cpu_life:ONLINE .. local_irq_enable:online"));
  EXPECT_THAT(Spans(events, SpanKind::kMasked, 0),
              ElementsAre("interrupts masked: local_irq_disable:stop_machine "
                          ".. local_irq_enable:stop_machine"));
}

TEST(SpaceTimeTest, EveryParticipantStandsInEveryState) {
  const Events events = SeedTrace().events();
  for (const std::uint32_t cpu : {0u, 1u, 2u, 3u}) {
    EXPECT_THAT(
        Spans(events, SpanKind::kStopped, cpu),
        ElementsAre("PREPARE: stop_state:PREPARE .. stop_state:DISABLE_IRQ",
                    "DISABLE_IRQ: stop_state:DISABLE_IRQ .. stop_state:RUN",
                    "RUN: stop_state:RUN .. stop_state:EXIT",
                    "EXIT: stop_state:EXIT .. stop_ack:EXIT"))
        << cpu;
  }
}

TEST(SpaceTimeTest, TheCoordinatorIsOnItsOwnLane) {
  const Events events = SeedTrace().events();
  EXPECT_THAT(Spans(events, SpanKind::kOperation, std::nullopt),
              ElementsAre("offline CPU 3: op_begin:offline .. op_end",
                          "online CPU 3: op_begin:online .. -"));
  EXPECT_THAT(Spans(events, SpanKind::kRound, std::nullopt), SizeIs(4));
}

TEST(SpaceTimeTest, AFailedOperationIsAnAlarm) {
  TraceWriter trace;
  trace.Add({.name = "op_begin", .about = 3, .value = 7, .detail = "offline"});
  trace.Add({.name = "op_end", .about = 3, .value = 7, .value2 = 16});
  EXPECT_THAT(Spans(trace.events(), SpanKind::kOperation, std::nullopt),
              ElementsAre("offline CPU 3: op_begin:offline .. op_end !"));
}

TEST(SpaceTimeTest, WhatTheSeedStrandsAndWhoWaits) {
  const Events events = SeedTrace().events();
  EXPECT_THAT(Spans(events, SpanKind::kLeftBehind, 3),
              ElementsAre("left behind: offline, with calls in its queue: "
                          "cpu_life:DEAD .. cpu_life:KICKED !"));
  // One span, however many calls come after.
  EXPECT_THAT(Spans(events, SpanKind::kStranded, 3),
              ElementsAre("stranded: calls in the queue, and no doorbell is "
                          "under way: cpu_life:ONLINE .. - !"));
  EXPECT_THAT(Spans(events, SpanKind::kWaits, 1),
              ElementsAre("waits for CPU 3 to run nop: csd_queue_cpu:wait .. - "
                          "!"));
}

TEST(SpaceTimeTest, TheLostDoorbell) {
  const Events events = SeedTrace().events();
  const std::vector<Crossing> doorbells = Doorbells(events);
  ASSERT_THAT(doorbells, SizeIs(1));
  EXPECT_EQ(doorbells[0].fate, Fate::kLost);
  EXPECT_EQ(events[doorbells[0].from].cpu(), 1u);
  EXPECT_EQ(doorbells[0].target, 3u);
  EXPECT_EQ(NameAt(events, doorbells[0].to), "ipi_latched");
  EXPECT_EQ(NameAt(events, doorbells[0].decided), "ipi_cleared:reset");
  EXPECT_THAT(Spans(events, SpanKind::kLatched, 3),
              ElementsAre("doorbell of CPU 1 (its call 1): ipi_latched .. "
                          "ipi_cleared:reset !"));
}

// The 108 others enter a queue that is not empty.
TEST(SpaceTimeTest, CallsWithoutADoorbellAreArrowsToo) {
  const SpaceTime picture = MakeSpaceTime(SeedTrace().events());
  EXPECT_EQ(std::count_if(picture.crossings.begin(), picture.crossings.end(),
                          [](const Crossing& one) {
                            return !one.rings && one.fate == Fate::kQueued;
                          }),
            108);
}

TEST(SpaceTimeTest, ADoorbellThatTravelsAloneHasItsOwnArrow) {
  const Events events = SeedTrace({.late = true}).events();
  const std::vector<Crossing> doorbells = Doorbells(events);
  ASSERT_THAT(doorbells, SizeIs(1));
  EXPECT_EQ(NameAt(events, doorbells[0].from), "ipi_send_cpu");
  EXPECT_EQ(doorbells[0].fate, Fate::kLost);
}

TEST(SpaceTimeTest, TheQueueGrowsAndIsNotTaken) {
  const Events events = SeedTrace({.backlog = 2}).events();
  std::vector<std::int64_t> depths;
  for (const Depth& depth : MakeSpaceTime(events).depths) {
    EXPECT_EQ(depth.cpu, 3u);
    EXPECT_EQ(events[depth.position].name(), "csd_enqueued");
    depths.push_back(depth.calls);
  }
  EXPECT_THAT(depths, ElementsAre(1, 2, 3, 4));
}

TraceWriter HealthyCall() {
  TraceWriter trace;
  trace.Call(0, 2, 1, "echo", 1, /*wait=*/true);
  trace.Add({.cpu = 2,
             .name = "call_function_single_entry",
             .value = 1,
             .detail = "doorbell"});
  trace.Add({.cpu = 2,
             .name = "csd_function_entry",
             .function = "echo",
             .src = 0,
             .seq = 1});
  trace.Add({.cpu = 2,
             .name = "csd_function_exit",
             .function = "echo",
             .src = 0,
             .seq = 1});
  trace.Add({.cpu = 2, .name = "call_function_single_exit", .value = 1});
  trace.Add({.cpu = 0,
             .name = "csd_done",
             .about = 2,
             .function = "echo",
             .src = 0,
             .seq = 1});
  return trace;
}

TEST(SpaceTimeTest, AHealthyCall) {
  const Events events = HealthyCall().events();
  const std::vector<Crossing> doorbells = Doorbells(events);
  ASSERT_THAT(doorbells, SizeIs(1));
  EXPECT_EQ(doorbells[0].fate, Fate::kTaken);
  EXPECT_FALSE(doorbells[0].backwards);
  EXPECT_THAT(Spans(events, SpanKind::kRuns, 2),
              ElementsAre("echo: csd_function_entry .. csd_function_exit"));
  EXPECT_THAT(Spans(events, SpanKind::kWaits, 0),
              ElementsAre("waits for CPU 2 to run echo: csd_queue_cpu:wait .. "
                          "csd_done"));
  EXPECT_THAT(Spans(events, SpanKind::kStranded, 2), IsEmpty());
  EXPECT_THAT(Headlines(events, MakeSpaceTime(events)), IsEmpty());
}

// Causal order is one thing, the clocks of two hosts another.
TEST(SpaceTimeTest, AnArrowThatRunsBackwardsSaysSo) {
  Events events = HealthyCall().events();
  for (v1::TraceEvent& event : events) {
    if (event.cpu() != 2) continue;
    event.mutable_time()->set_seconds(event.time().seconds() - 1);
  }
  const std::vector<Crossing> doorbells = Doorbells(events);
  ASSERT_THAT(doorbells, SizeIs(1));
  EXPECT_TRUE(doorbells[0].backwards);
}

// In the frame of its call: its sender's word of it may be written before or
// after its arrival, and never is its departure.
TEST(SpaceTimeTest, TheSendersWordMayBeLate) {
  Events events = HealthyCall().events();
  const auto is = [](const std::string& name) {
    return [name](const v1::TraceEvent& one) { return one.name() == name; };
  };
  const auto latched =
      std::find_if(events.begin(), events.end(), is("ipi_latched"));
  const auto sent =
      std::find_if(events.begin(), events.end(), is("ipi_send_cpu"));
  std::iter_swap(latched, sent);
  const std::vector<Crossing> doorbells = Doorbells(events);
  ASSERT_THAT(doorbells, SizeIs(1));
  EXPECT_EQ(events[doorbells[0].from].name(), "csd_queue_cpu");
  EXPECT_FALSE(doorbells[0].backwards);
}

TEST(SpaceTimeTest, WhatDoesNotArriveHasNoEnd) {
  TraceWriter trace;
  trace.Add({.cpu = 0,
             .name = "csd_queue_cpu",
             .about = 2,
             .function = "nop",
             .src = 0,
             .seq = 1,
             .detail = "async"});
  const SpaceTime picture = MakeSpaceTime(trace.events());
  ASSERT_THAT(picture.crossings, SizeIs(1));
  EXPECT_EQ(picture.crossings[0].to, std::nullopt);
  EXPECT_EQ(picture.crossings[0].fate, Fate::kOnTheWire);
  EXPECT_THAT(picture.cpus, ElementsAre(0, 2));
}

TEST(SpaceTimeTest, ACrashLosesTheDoorbellAndEndsTheWait) {
  TraceWriter trace;
  trace.Call(0, 2, 1, "nop", 1, /*wait=*/true);
  trace.Add({.name = "cpu_crashed", .about = 2, .value = 100});
  trace.Add({.cpu = 0,
             .name = "csd_lost",
             .about = 2,
             .function = "nop",
             .src = 0,
             .seq = 1});
  const std::vector<Crossing> doorbells = Doorbells(trace.events());
  ASSERT_THAT(doorbells, SizeIs(1));
  EXPECT_EQ(doorbells[0].fate, Fate::kLost);
  EXPECT_THAT(Spans(trace.events(), SpanKind::kAway, 2),
              ElementsAre("crashed: cpu_crashed .. - !"));
  EXPECT_THAT(Spans(trace.events(), SpanKind::kWaits, 0),
              ElementsAre("waits for CPU 2 to run nop: csd_queue_cpu:wait .. "
                          "csd_lost"));
}

TEST(HeadlinesTest, OfTheSeed) {
  const Events events = SeedTrace().events();
  EXPECT_THAT(
      Headlines(events, MakeSpaceTime(events)),
      ElementsAre(
          "CPU 1 rang CPU 3, which had its interrupts masked. The reset that "
          "brought CPU 3 up again threw the doorbell away.",
          "109 calls are stranded on CPU 3: it is online, but nobody rings it "
          "any more, because a sender rings only when it finds the queue "
          "empty.",
          "CPU 1 waits for CPU 3 to run nop, and gets no answer."));
}

TEST(HeadlinesTest, OfALateDoorbell) {
  const Events events = SeedTrace({.late = true}).events();
  EXPECT_EQ(Headlines(events, MakeSpaceTime(events)).front(),
            "CPU 1 rang CPU 3, which was offline. The reset that brought CPU 3 "
            "up again threw the doorbell away.");
}

TEST(SpaceTimeTest, OfNothing) {
  const SpaceTime picture = MakeSpaceTime({});
  EXPECT_THAT(picture.cpus, IsEmpty());
  EXPECT_THAT(picture.spans, IsEmpty());
}

}  // namespace
}  // namespace belfry::trace
