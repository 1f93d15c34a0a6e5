#include "kernel/seq_window.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace belfry::kernel {
namespace {

std::vector<Seq> Numbers(const SeqWindow<std::string>& window) {
  std::vector<Seq> numbers;
  window.ForEach([&](Seq seq, const std::string&) { numbers.push_back(seq); });
  return numbers;
}

TEST(SeqWindowTest, NumbersFromOneAndLeavesAtTheLowEnd) {
  SeqWindow<std::string> window;
  EXPECT_EQ(window.Append("a"), 1U);
  EXPECT_EQ(window.Append("b"), 2U);
  EXPECT_EQ(window.Append("c"), 3U);
  window.Erase(2);
  EXPECT_EQ(window.lowest(), 1U);
  EXPECT_EQ(window.size(), 2U);
  EXPECT_EQ(window.Find(2), nullptr);
  window.Erase(1);
  EXPECT_EQ(window.lowest(), 3U);
  window.Erase(1);
  window.Erase(99);
  EXPECT_EQ(Numbers(window), (std::vector<Seq>{3}));
  window.Erase(3);
  EXPECT_EQ(window.size(), 0U);
  EXPECT_EQ(window.Append("d"), 4U);
}

// States are compared: what has been in a window and left again is no part of
// one.
TEST(SeqWindowTest, EqualIsWhatHoldsTheSameNumbers) {
  SeqWindow<std::string> used;
  SeqWindow<std::string> skipped;
  EXPECT_EQ(used, skipped);
  used.Append("a");
  EXPECT_FALSE(used == skipped);
  used.Erase(1);
  EXPECT_FALSE(used == skipped);
  skipped.DropThrough(1);
  EXPECT_EQ(used, skipped);
  used.Append("b");
  skipped.Append("c");
  EXPECT_FALSE(used == skipped);
  *skipped.Find(2) = "b";
  EXPECT_EQ(used, skipped);
}

TEST(SeqWindowTest, PutLeavesGapsAndIgnoresThePast) {
  SeqWindow<std::string> window;
  window.Put(3, "c");
  window.Put(5, "e");
  window.Put(3, "C");
  EXPECT_EQ(window.size(), 2U);
  EXPECT_EQ(*window.Find(3), "C");
  EXPECT_EQ(window.Find(4), nullptr);
  window.DropThrough(3);
  EXPECT_EQ(window.lowest(), 4U);
  window.Put(2, "b");
  EXPECT_EQ(Numbers(window), (std::vector<Seq>{5}));
  window.DropThrough(9);
  EXPECT_EQ(window.size(), 0U);
  EXPECT_EQ(window.lowest(), 10U);
  EXPECT_EQ(window.next(), 10U);
  window.DropThrough(4);
  EXPECT_EQ(window.lowest(), 10U);
}

}  // namespace
}  // namespace belfry::kernel
