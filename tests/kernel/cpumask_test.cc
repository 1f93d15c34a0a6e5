#include "kernel/cpumask.h"

#include <gtest/gtest.h>

#include <string>

namespace belfry::kernel {
namespace {

TEST(CpuMaskTest, EqualSetsAreEqualHoweverTheyCameToBe) {
  CpuMask mask = {1, 70, 200};
  mask.Remove(CpuId{200});
  mask.Remove(CpuId{4000});
  EXPECT_EQ(mask, (CpuMask{70, 1}));
  EXPECT_EQ(mask.count(), 2U);
  EXPECT_EQ(mask.first(), CpuId{1});
  EXPECT_EQ(mask.next(CpuId{1}), CpuId{70});
  EXPECT_EQ(mask.next(CpuId{70}), std::nullopt);
  EXPECT_FALSE(mask.empty());
  mask.Remove(CpuId{1});
  mask.Remove(CpuId{70});
  EXPECT_TRUE(mask.empty());
  EXPECT_EQ(mask, CpuMask());
  EXPECT_EQ(mask.first(), std::nullopt);
}

TEST(CpuMaskTest, Subsets) {
  EXPECT_TRUE(CpuMask().IsSubsetOf({}));
  EXPECT_TRUE((CpuMask{0, 64}).IsSubsetOf(CpuMask::FirstN(65)));
  EXPECT_FALSE((CpuMask{0, 65}).IsSubsetOf(CpuMask::FirstN(65)));
}

struct ListCase {
  std::string text;
  std::string printed;
};

TEST(CpuListTest, PrintsWhatItReads) {
  const ListCase cases[] = {
      {"", ""},           {" \n", ""},          {"0", "0"},
      {"0-2,5", "0-2,5"}, {"5,0-1,2", "0-2,5"}, {"3-3", "3"},
      {"8191", "8191"},   {"63,64", "63-64"},   {" 1,7-8\n", "1,7-8"},
      {"1,1,1-2", "1-2"},
  };
  for (const ListCase& c : cases) {
    const auto mask = ParseCpuList(c.text);
    ASSERT_TRUE(mask.ok()) << c.text << ": " << mask.status();
    EXPECT_EQ(FormatCpuList(*mask), c.printed);
    EXPECT_EQ(*ParseCpuList(FormatCpuList(*mask)), *mask);
  }
}

TEST(CpuListTest, BadInputNamesItsBadPart) {
  const ListCase cases[] = {
      {"a", "'a'"},       {"1,", "''"},
      {"-1", "''"},       {"1-", "''"},
      {"1-2-3", "'2-3'"}, {"3-1", "3-1"},
      {"8192", "8192"},   {"0,x7", "'x7'"},
      {"+1", "'+1'"},     {"99999999999999", "99999999999999"},
      {"1;2", "'1;2'"},   {"1, 2", "' 2'"},
      {"0x1", "'0x1'"},
  };
  for (const ListCase& c : cases) {
    const auto mask = ParseCpuList(c.text);
    ASSERT_FALSE(mask.ok()) << c.text;
    EXPECT_EQ(mask.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(mask.status().message().find(c.printed), std::string::npos)
        << mask.status();
  }
}

}  // namespace
}  // namespace belfry::kernel
