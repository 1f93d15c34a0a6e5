#include "trace/picture.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/trace/golden.h"
#include "tests/trace/seed_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::ExpectGolden;
using ::belfry::testing::SeedTrace;
using ::belfry::testing::TraceWriter;

// Columns on a terminal: every sign we use takes one.
int Columns(absl::string_view line) {
  int columns = 0;
  for (const char c : line) columns += (c & 0xc0) != 0x80 ? 1 : 0;
  return columns;
}

TEST(Picture, Seed) {
  ExpectGolden("seed.txt", DrawPicture(SeedTrace().events(), 4));
}

TEST(Picture, SeedLate) {
  ExpectGolden("seed-late.txt",
               DrawPicture(SeedTrace({.late = true}).events(), 4));
}

TEST(Picture, SeedInAscii80) {
  const std::string text =
      DrawPicture(SeedTrace().events(), 4, {.width = 80, .ascii = true});
  ExpectGolden("seed-ascii-80.txt", text);
  for (const char c : text) EXPECT_GE(c, 0) << "not ASCII";
}

TEST(Picture, SeedInColor) {
  const std::string text =
      DrawPicture(SeedTrace({.backlog = 3}).events(), 4, {.color = true});
  // Red and marked: never by colour alone.
  EXPECT_TRUE(absl::StrContains(text, "\x1b[1;31m✗"));
  EXPECT_FALSE(absl::StrContains(DrawPicture(SeedTrace().events(), 4), "\x1b"));
}

TEST(Picture, FitsItsWidth) {
  for (const int width : {80, 90, 100, 120}) {
    const std::string text =
        DrawPicture(SeedTrace().events(), 4, {.width = width});
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      EXPECT_LE(Columns(line), width) << line;
    }
  }
}

TEST(Picture, HealthyCall) {
  TraceWriter trace;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    trace.Add({.cpu = 0,
               .name = "csd_queue_cpu",
               .about = 2,
               .function = "echo",
               .src = 0,
               .seq = seq,
               .detail = "async"});
    trace.Add({.cpu = 2,
               .name = "csd_enqueued",
               .function = "echo",
               .src = 0,
               .seq = seq,
               .value = 1,
               .value2 = 1});
    trace.Add({.cpu = 2, .name = "ipi_latched", .src = 0, .seq = seq});
    trace.Add({.cpu = 2,
               .name = "call_function_single_entry",
               .value = 1,
               .detail = "doorbell"});
  }
  ExpectGolden("healthy.txt", DrawPicture(trace.events(), 3));
}

TEST(Picture, ManyCpusShowThoseThatMatter) {
  const std::string text = DrawPicture(SeedTrace().events(), 64);
  EXPECT_TRUE(absl::StrContains(text, "CPU 3"));
  EXPECT_TRUE(absl::StrContains(text, "CPUs without a lane"));
  EXPECT_FALSE(absl::StrContains(text, "CPU 63"));
}

TEST(Picture, NothingToShow) {
  EXPECT_EQ(DrawPicture({}, 4), "nothing to show: no events\n");
}

}  // namespace
}  // namespace belfry::trace
