#include "trace/traced_machine.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/seed_machine.h"
#include "trace/explain.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::SeedMachine;
using ::belfry::testing::SeedTrace;
using ::belfry::testing::TraceWriter;

v1::TraceReport Report(const TraceWriter& trace) {
  v1::TraceReport report;
  report.mutable_events()->Assign(trace.events().begin(), trace.events().end());
  return report;
}

std::vector<std::string> Causes(const MachineView& view) {
  std::vector<std::string> texts;
  const v1::ExplainReport report = Explain(view);
  for (const v1::ExplainReport::Waiter& waiter : report.waiters()) {
    for (const v1::ExplainReport::Cause& cause : waiter.causes()) {
      texts.push_back(cause.text());
    }
    texts.push_back(waiter.remedy());
  }
  return texts;
}

// The trace alone tells the same story as the processes themselves: only the
// frames of the kernel that they keep are not in it.
TEST(ViewOfTraceTest, ExplainsAsTheProcessesDo) {
  for (const bool late : {false, true}) {
    MachineView asked = SeedMachine({.late = late});
    for (v1::OutgoingCall& call :
         *testing::SnapshotOf(&asked, 1).mutable_outgoing()) {
      call.clear_frames();
      if (call.wait()) call.add_frames("calls:online");
    }
    EXPECT_EQ(Causes(ViewOfTrace(Report(SeedTrace({.late = late})))),
              Causes(asked));
  }
}

TEST(ViewOfTraceTest, TheStateAtTheEnd) {
  const MachineView view = ViewOfTrace(Report(SeedTrace({.backlog = 5})));
  ASSERT_EQ(view.cpus.size(), 4u);
  const v1::CpuSnapshot& victim = *view.cpus[3].snapshot;
  EXPECT_EQ(victim.life(), "ONLINE");
  EXPECT_EQ(victim.depth(), 7u);
  EXPECT_EQ(victim.queue_size(), 7);
  EXPECT_FALSE(victim.latched());
  EXPECT_EQ(victim.last_doorbell().fate(), v1::Doorbell::FATE_CLEARED_BY_RESET);
  EXPECT_TRUE(view.cluster.has_current());
  EXPECT_EQ(view.cluster.current().kind(), v1::Operation::KIND_ONLINE);
}

TEST(TracedMachineTest, InfersWhatWasBefore) {
  TraceWriter trace;
  trace.Add({.cpu = 0, .name = "device_irq", .about = 1});
  trace.Add({.cpu = 1, .name = "local_irq_enable", .detail = "online"});
  trace.Add({.cpu = 2, .name = "cpu_life", .detail = "KICKED"});
  trace.Add({.cpu = 0, .name = "set_view", .value = 4, .detail = "0-2"});
  trace.Add({.cpu = 3, .name = "set_view", .value = 4, .detail = "0-2"});
  const TracedMachine machine(trace.events());
  EXPECT_EQ(machine.cpus().at(0).life, "ONLINE");
  EXPECT_FALSE(machine.cpus().at(0).masked);
  EXPECT_TRUE(machine.cpus().at(1).masked);
  EXPECT_EQ(machine.cpus().at(2).life, "DEAD");
  EXPECT_EQ(machine.cpus().at(3).life, "DEAD");
}

// A number that no machine can have must not cost memory.
TEST(TracedMachineTest, AnyNumberIsACpu) {
  TraceWriter trace;
  trace.Add({.cpu = 7, .name = "cpu_life", .about = 4294967295u});
  trace.Add({.cpu = 7, .name = "kick"});
  EXPECT_EQ(ViewOfTrace(Report(trace)).cpus.size(), 2u);
}

}  // namespace
}  // namespace belfry::trace
