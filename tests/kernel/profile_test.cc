#include "kernel/profile.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace belfry::kernel {
namespace {

// The table of the presets, a column each.
const std::vector<std::string> kPresets = {"linux-3.0",       "linux-3.0+split",
                                           "linux-3.0+flush", "linux-3.16",
                                           "linux-6.12",      "belfry"};
const std::map<std::string, std::vector<std::string>> kTable = {
    {"ring_rule",
     {"was_empty", "was_empty", "was_empty", "was_empty",
      "was_empty_or_polling", "watchdog"}},
    {"ring_order",
     {"after_data", "after_data", "after_data", "after_data", "after_data",
      "after_data"}},
    {"many_ring",
     {"own_list_always", "own_list_always", "own_list_always", "shared_always",
      "was_empty", "was_empty"}},
    {"many_mask",
     {"shared", "shared", "shared", "shared", "shared", "private"}},
    {"idle_flush",
     {"with_softirqs", "with_softirqs", "with_softirqs", "with_softirqs",
      "with_softirqs", "with_softirqs"}},
    {"nohz_release",
     {"in_callback", "in_callback", "in_callback", "in_callback", "in_callback",
      "in_callback"}},
    {"irq_call", {"async", "async", "async", "async", "async", "async"}},
    {"offline_drain",
     {"none", "none", "dying_flush", "dying_flush", "dying_flush",
      "dying_flush"}},
    {"barrier", {"single", "split", "single", "single", "single", "single"}},
    {"hardware", {"s390", "s390", "s390", "s390", "x86", "s390"}},
    {"irq_migration",
     {"at_device", "at_device", "at_device", "at_device", "scan_first",
      "at_device"}},
    {"death_report",
     {"report_first", "report_first", "report_first", "report_first",
      "report_first", "report_first"}},
    {"timer_migration", {"dead", "dead", "dead", "dead", "dying", "dying"}},
    {"lock_wakeup",
     {"always", "always", "always", "always", "always", "always"}},
    {"refuse_offline",
     {"single_only", "single_only", "single_only", "all", "all", "all"}},
    {"enqueue_guard", {"held", "held", "held", "held", "held", "held"}},
    {"wait_guard",
     {"to_end", "to_end", "to_end", "to_end", "to_end", "until_rung"}},
    {"async_unlock",
     {"after_func", "after_func", "after_func", "after_func", "before_func",
      "before_func"}},
    {"steps",
     {"notifiers", "notifiers", "notifiers", "notifiers", "cpuhp-6.12",
      "belfry"}},
    {"control_cpu", {"asker", "asker", "asker", "asker", "worker", "asker"}},
    {"online_twice", {"einval", "einval", "einval", "noop", "noop", "noop"}},
    {"stopper_enable",
     {"at_unpark", "at_unpark", "at_unpark", "at_unpark", "at_unpark",
      "at_unpark"}},
    {"stop_two_queue",
     {"both_locked", "both_locked", "both_locked", "one_by_one", "both_locked",
      "both_locked"}},
    {"stop_two_wake",
     {"preempt_off", "preempt_off", "preempt_off", "preempt_off", "preempt_off",
      "preempt_off"}},
    {"stop_lease", {"none", "none", "none", "none", "none", "held"}},
    {"lease_without",
     {"nothing", "nothing", "nothing", "nothing", "nothing", "nothing"}},
};

TEST(ProfileTest, PresetsAreTheRowsOfTheTable) {
  const auto names = PresetNames();
  EXPECT_EQ(std::vector<std::string>(names.begin(), names.end()), kPresets);
  ASSERT_EQ(Knobs().size(), kTable.size());
  for (std::size_t preset = 0; preset < kPresets.size(); ++preset) {
    const Profile profile = PresetByName(kPresets[preset]).value();
    EXPECT_EQ(profile.name, kPresets[preset]);
    for (std::size_t knob = 0; knob < Knobs().size(); ++knob) {
      const std::string name(Knobs()[knob].name);
      EXPECT_EQ(KnobValue(profile, knob), kTable.at(name)[preset])
          << kPresets[preset] << " " << name;
    }
  }
}

TEST(ProfileTest, EveryValueOfEveryKnobCanBeSetAndRead) {
  for (std::size_t knob = 0; knob < Knobs().size(); ++knob) {
    EXPECT_FALSE(Knobs()[knob].help.empty());
    for (absl::string_view value : Knobs()[knob].values) {
      Profile profile;
      ASSERT_TRUE(SetKnob(&profile, Knobs()[knob].name, value).ok());
      EXPECT_EQ(KnobValue(profile, knob), value);
    }
  }
}

TEST(ProfileTest, BadNamesAreAnsweredWithThoseThereAre) {
  const absl::Status preset = PresetByName("linux-2.4").status();
  EXPECT_EQ(preset.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(preset.message().find("linux-3.0+split"), std::string::npos);
  Profile profile;
  const absl::Status knob = SetKnob(&profile, "ring", "always");
  EXPECT_EQ(knob.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(knob.message().find("ring_rule"), std::string::npos);
  const absl::Status value = SetKnob(&profile, "ring_rule", "never");
  EXPECT_EQ(value.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(value.message().find("watchdog"), std::string::npos);
  EXPECT_EQ(profile, Profile{});
}

}  // namespace
}  // namespace belfry::kernel
