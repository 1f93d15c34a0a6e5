#include "lab/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "trace/picture.h"

namespace belfry::lab {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

v1::Schedule HangOfLinux30() {
  const ExploreOptions options = {
      .profile = kernel::PresetByName("linux-3.0").value(),
      .scope = {.async_calls = 1, .prompt_doorbells = true}};
  return MakeSchedule("lost-ipi", options, Explore(options));
}

TEST(ScheduleTest, EndsAsTheSearchSaidAfterAWayThroughAFile) {
  const v1::Schedule found = HangOfLinux30();
  const auto read = ParseSchedule(FormatSchedule(found), "hang.textproto");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->SerializeAsString(), found.SerializeAsString());
  const auto played = Play(*read);
  ASSERT_TRUE(played.ok()) << played.status();
  EXPECT_TRUE(played->hangs);
  EXPECT_THAT(played->violated,
              ::testing::ElementsAre("no_stranded_queue", "nothing_left_behind",
                                     "every_wait_ends"));
}

// The seed's story: the call comes when its target stands masked, and from then
// on nothing helps.
TEST(ScheduleTest, ThePointOfNoReturnIsTheInterrupt) {
  const v1::Schedule found = HangOfLinux30();
  ASSERT_TRUE(found.has_point_of_no_return());
  ASSERT_GT(found.point_of_no_return(), 0u);
  const auto point = static_cast<int>(found.point_of_no_return());
  EXPECT_THAT(found.moves(point - 1), AnyOf("io 0 for 2", "io 1 for 2"));
  bool masked = false;
  for (int i = 0; i < point - 1; ++i) {
    masked = masked || found.moves(i) == "state 2 DISABLE_IRQ";
  }
  EXPECT_TRUE(masked);
}

TEST(ScheduleTest, IsDrawn) {
  const auto played = Play(HangOfLinux30());
  ASSERT_TRUE(played.ok());
  const std::string picture =
      trace::DrawPicture(played->events, 3, {.ascii = true});
  EXPECT_THAT(picture, HasSubstr("the reset clears the doorbell of CPU "));
}

struct BadSchedule {
  std::string from;
  std::string to;
  std::string said;
};

TEST(ScheduleTest, AWrongFileIsOneLineThatNamesTheFault) {
  const std::string good = FormatSchedule(HangOfLinux30());
  for (const BadSchedule& bad :
       {BadSchedule{"version: 1", "version: 2", "reads version 1"},
        BadSchedule{"doorbells: \"prompt\"", "doorbells: \"soon\"", "\"soon\""},
        BadSchedule{"name: \"linux-3.0\"", "name: \"mine\"", "'mine'"},
        BadSchedule{"cpus: 3", "cpus: 99", "cpus is 99; 2 to 8 are possible"},
        BadSchedule{"victim: 2", "victim: 3", "victim is 3; 0 to 2"},
        BadSchedule{"value: \"was_empty\"", "value: \"never\"", "'never'"},
        BadSchedule{"version: 1", "versoin: 1", "bad.textproto:3:"}}) {
    std::string text = good;
    ASSERT_NE(text.find(bad.from), std::string::npos) << bad.from;
    text.replace(text.find(bad.from), bad.from.size(), bad.to);
    const auto read = ParseSchedule(text, "bad.textproto");
    ASSERT_FALSE(read.ok()) << bad.to;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(bad.said));
    EXPECT_THAT(std::string(read.status().message()),
                ::testing::StartsWith("bad.textproto:"));
    EXPECT_THAT(std::string(read.status().message()),
                ::testing::Not(HasSubstr("\n")));
  }
}

TEST(ScheduleTest, AMoveThatIsNotPossibleIsNamed) {
  v1::Schedule schedule = HangOfLinux30();
  schedule.set_moves(4, "io 7 for 2");
  const auto played = Play(schedule);
  ASSERT_FALSE(played.ok());
  EXPECT_THAT(
      std::string(played.status().message()),
      HasSubstr("move 5: \"io 7 for 2\" is not possible; possible are: "));
}

}  // namespace
}  // namespace belfry::lab
