#include "client/table.h"

#include <gtest/gtest.h>

namespace belfry::client {
namespace {

TEST(TableTest, ColumnsAlignAndLinesEndWithoutSpaces) {
  Table table({{"CPU"}, {"CALLS", Table::Align::kRight}, {"STATE"}});
  table.Add({"cpu/3", "109", "online"});
  table.Add({"cpu/10", "", "off"});
  EXPECT_EQ(table.Text(/*headers=*/true, /*color=*/false),
            "CPU     CALLS  STATE\n"
            "cpu/3     109  online\n"
            "cpu/10      -  off\n");
}

TEST(TableTest, WithoutHeadersTheyTakeNoWidth) {
  Table table({{"A LONG HEADER"}, {"B"}});
  table.Add({"x", "y"});
  EXPECT_EQ(table.Text(/*headers=*/false, /*color=*/false), "x  y\n");
}

TEST(TableTest, ColorTakesNoWidth) {
  Table table({{"A"}, {"B"}});
  table.Add({Cell("x", Style::kBad), "1"});
  table.Add({"xx", "2"});
  EXPECT_EQ(table.Text(/*headers=*/false, /*color=*/true),
            "\033[31mx\033[0m   1\nxx  2\n");
}

TEST(TableTest, WidthCountsCharactersNotBytes) {
  EXPECT_EQ(DisplayWidth("\xe2\x9c\x93 ok"), 4u);
  Table table({{"A"}, {"B"}});
  table.Add({"\xe2\x9c\x93", "1"});
  table.Add({"x", "2"});
  EXPECT_EQ(table.Text(/*headers=*/false, /*color=*/false),
            "\xe2\x9c\x93  1\nx  2\n");
}

TEST(TableTest, PaintWithoutColorIsTheText) {
  EXPECT_EQ(Paint(Style::kBad, "x", /*color=*/false), "x");
  EXPECT_EQ(Paint(Style::kPlain, "x", /*color=*/true), "x");
}

}  // namespace
}  // namespace belfry::client
