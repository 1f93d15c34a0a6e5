#include "trace/trace_file.h"

#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/trace/seed_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::SeedTrace;
using ::google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;

v1::TraceReport Seed() {
  v1::TraceReport trace;
  const auto seed = SeedTrace({.backlog = 2});
  trace.mutable_events()->Assign(seed.events().begin(), seed.events().end());
  trace.set_overwritten(7);
  trace.add_problems("cpu/2: its process is dead or cut off");
  trace.mutable_machine()->set_kind(v1::TraceMachine::KIND_BELFRY);
  trace.mutable_machine()->set_cpus(4);
  trace.mutable_machine()->mutable_profile()->set_name("linux-3.0");
  return trace;
}

TEST(TraceFile, ReadsWhatItWrote) {
  v1::TraceReport empty;
  empty.mutable_machine()->set_cpus(1);
  for (const v1::TraceReport& trace : {Seed(), empty}) {
    const std::string bytes = WriteBelfryTrace(trace);
    EXPECT_EQ(DetectTraceFormat(bytes), TraceFormat::kBelfry);
    const auto read = ReadTrace(bytes);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(MessageDifferencer::Equals(*read, trace));
  }
}

TEST(TraceFile, CutAnywhereItIsNoTrace) {
  const std::string bytes = WriteBelfryTrace(Seed());
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const auto read = ReadTrace(bytes.substr(0, size));
    ASSERT_FALSE(read.ok()) << size;
    EXPECT_THAT(
        std::string(read.status().message()),
        HasSubstr(absl::StrCat("a Belfry trace, cut off at byte ", size)));
  }
}

// A changed byte may still make a trace, if one that says something else; it
// never brings the reader down.
TEST(TraceFile, AnyByteMayBeWrong) {
  const std::string bytes = WriteBelfryTrace(Seed());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const char wrong : {'\x00', '\x7f', '\xff'}) {
      std::string damaged = bytes;
      damaged[at] = wrong;
      const auto read = ReadTrace(damaged);
      if (read.ok()) continue;
      EXPECT_FALSE(absl::StrContains(read.status().message(), "\n"));
    }
  }
}

struct BadFile {
  std::string bytes;
  std::string message;
};

class BadFiles : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadFiles, AreNamed) {
  const auto read = ReadTrace(GetParam().bytes);
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(std::string(read.status().message()),
              HasSubstr(GetParam().message));
}

const std::string kMagic = "belfry trace\n";

INSTANTIATE_TEST_SUITE_P(
    All, BadFiles,
    ::testing::Values(
        BadFile{"", "it is empty"}, BadFile{"PERFILE2....", "perf's own file"},
        BadFile{"\x17\x08\x44tracing6", "trace-cmd report"},
        BadFile{"\x1f\x8b\x08", "gzip"},
        BadFile{"{\"traceEvents\":[]}", "cannot be read back"},
        BadFile{"root:x:0:0", "no trace"},
        BadFile{kMagic + "\xff\xff\xff\x7f", "damaged at byte 13"},
        // A header of version 2, then nothing.
        BadFile{kMagic + "\x04\x0a\x02\x08\x02", "of version 2; this program"},
        // An end and no header.
        BadFile{kMagic + std::string("\x02\x1a\x00", 3), "it has no header"},
        // A header, an end that counts five events.
        BadFile{kMagic + "\x04\x0a\x02\x08\x01\x04\x1a\x02\x08\x05",
                "counts 5 events, and there are 0"},
        BadFile{WriteBelfryTrace({}) + "x", "more follows after its end"}));

}  // namespace
}  // namespace belfry::trace
