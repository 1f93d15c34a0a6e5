#include "client/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace belfry::client {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;

VerbTree Root() {
  const std::vector<std::string> flags = {"--coordinator", "--state-dir",
                                          "--help"};
  VerbTree root{.name = "belfry",
                .flags = flags,
                .valued_flags = {"--coordinator", "--state-dir", "-o"}};
  root.verbs = {{.name = "call",
                 .flags = {"--from", "--nowait", "--help"},
                 .valued_flags = {"--from"}},
                {.name = "up", .flags = {"--set"}, .valued_flags = {"--set"}},
                {.name = "cpu", .verbs = {{.name = "fail"}, {.name = "list"}}}};
  return root;
}

// What bash offers for the line, whose last word is where the cursor is; each
// list that `belfry` is asked for is the question itself.
std::vector<std::string> Complete(const std::vector<std::string>& line) {
  // Tests run side by side.
  const std::string path = absl::StrCat(
      testing::TempDir(), "/belfry-completion-", getpid(), ".bash");
  std::ofstream script(path);
  script << CompletionScript("bash", Root())
         << "belfry() { local IFS=_; echo \"asked_$*\"; }\nCOMP_WORDS=(";
  for (const std::string& word : line) script << "'" << word << "' ";
  script << ")\nCOMP_CWORD=" << line.size() - 1
         << "\n_belfry\necho \"${COMPREPLY[@]}\"\n";
  script.close();
  std::FILE* bash = popen(absl::StrCat("bash ", path, " 2>&1").c_str(), "r");
  std::string words;
  char buffer[4096];
  while (std::fgets(buffer, sizeof(buffer), bash) != nullptr) words += buffer;
  EXPECT_EQ(pclose(bash), 0) << words;
  std::remove(path.c_str());
  return absl::StrSplit(words, absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

TEST(BashCompletionTest, OffersVerbsAndFlags) {
  EXPECT_THAT(Complete({"belfry", ""}), ElementsAre("call", "up", "cpu"));
  EXPECT_THAT(Complete({"belfry", "cpu", "l"}), ElementsAre("list"));
  EXPECT_THAT(Complete({"belfry", "call", "--n"}), ElementsAre("--nowait"));
}

TEST(BashCompletionTest, OffersWhatStandsAtThePlace) {
  EXPECT_THAT(Complete({"belfry", "call", ""}),
              ElementsAre("asked_cpu_list_-o_name"));
  EXPECT_THAT(Complete({"belfry", "call", "1", "e"}), ElementsAre("echo"));
  EXPECT_THAT(Complete({"belfry", "cpu", "fail", "1", ""}),
              AllOf(Contains("calls:online"), Contains("sched:active")));
  // The value of a flag is no argument; a flag without one takes none.
  EXPECT_THAT(Complete({"belfry", "call", "--from", "0", "1", "e"}),
              ElementsAre("echo"));
  EXPECT_THAT(Complete({"belfry", "call", "--nowait", "1", "e"}),
              ElementsAre("echo"));
}

TEST(BashCompletionTest, OffersKnobsAndTheirValues) {
  EXPECT_THAT(Complete({"belfry", "up", "--set", "ring"}),
              ElementsAre("ring_rule=", "ring_order="));
  EXPECT_THAT(Complete({"belfry", "up", "--set", "barrier", "="}),
              ElementsAre("single", "split"));
  EXPECT_THAT(Complete({"belfry", "up", "--set", "barrier", "=", "sp"}),
              ElementsAre("split"));
}

TEST(BashCompletionTest, AsksTheClusterThatTheLineNames) {
  EXPECT_THAT(Complete({"belfry", "--state-dir", "/d", "call", ""}),
              ElementsAre("asked_--state-dir_/d_cpu_list_-o_name"));
  EXPECT_THAT(Complete({"belfry", "--state-dir", "=", "/d", "call", ""}),
              ElementsAre("asked_--state-dir_/d_cpu_list_-o_name"));
}

}  // namespace
}  // namespace belfry::client
