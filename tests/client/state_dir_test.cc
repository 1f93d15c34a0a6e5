#include "client/state_dir.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "rpc/files.h"

namespace belfry::client {
namespace {

class StateDirTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "/belfry-state-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    dir_ = StateDir(path);
  }
  void TearDown() override { std::filesystem::remove_all(dir_.path()); }

  StateDir dir_{""};
};

v1::LocalCluster TwoCpus() {
  v1::LocalCluster cluster;
  cluster.set_boot_id("this boot");
  cluster.set_cpus(2);
  std::int64_t pid = 100;
  for (const std::string name : {"coordinator", "cpu/0", "cpu/1"}) {
    v1::LocalCluster::Process* process = cluster.add_processes();
    process->set_name(name);
    process->set_pid(pid++);
    process->set_start_time(7);
  }
  return cluster;
}

bool All(const ProcessId&) { return true; }
bool None(const ProcessId&) { return false; }

TEST_F(StateDirTest, WhatWasSavedIsLoaded) {
  EXPECT_FALSE(LoadCluster(dir_)->has_value());
  ASSERT_TRUE(SaveCluster(dir_, TwoCpus()).ok());
  const auto loaded = LoadCluster(dir_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_TRUE(loaded->has_value());
  EXPECT_EQ((*loaded)->processes_size(), 3);
  EXPECT_EQ(FindProcess(**loaded, "cpu/1")->pid(), 102);
  EXPECT_EQ(FindProcess(**loaded, "cpu/2"), nullptr);
}

TEST_F(StateDirTest, ADamagedFileIsNamedNotIgnored) {
  ASSERT_TRUE(rpc::WriteFileAtomically(dir_.cluster_file(), "version: {").ok());
  const auto loaded = LoadCluster(dir_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.status().message().find(dir_.cluster_file()),
            absl::string_view::npos);
}

TEST_F(StateDirTest, AnotherVersionIsRefused) {
  ASSERT_TRUE(
      rpc::WriteFileAtomically(dir_.cluster_file(), "version: 99").ok());
  EXPECT_FALSE(LoadCluster(dir_).ok());
}

TEST_F(StateDirTest, RemovingTakesTheJournalAndKeepsTheRest) {
  ASSERT_TRUE(SaveCluster(dir_, TwoCpus()).ok());
  for (const char* name : {"/journal.db", "/journal.db-wal", "/notes.txt"}) {
    ASSERT_TRUE(rpc::WriteFileAtomically(dir_.path() + name, "x").ok());
  }
  EXPECT_TRUE(HasJournal(dir_));
  RemoveState(dir_);
  EXPECT_TRUE(HasJournal(dir_));
  RemoveJournal(dir_);
  EXPECT_FALSE(HasJournal(dir_));
  EXPECT_FALSE(LoadCluster(dir_)->has_value());
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/journal.db"));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/journal.db-wal"));
  EXPECT_TRUE(std::filesystem::exists(dir_.path() + "/notes.txt"));
}

TEST_F(StateDirTest, OnlyOneWorksOnIt) {
  const auto first = StateLock::Take(dir_);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(StateLock::Take(dir_).ok());
}

TEST(ConditionTest, UpDegradedStale) {
  const v1::LocalCluster cluster = TwoCpus();
  const auto condition = [&](const std::string& boot, const AliveFunction& f) {
    return ConditionOf(cluster, DeadProcesses(cluster, boot, f));
  };
  EXPECT_EQ(condition("this boot", &All), Condition::kUp);
  EXPECT_EQ(condition("this boot", &None), Condition::kStale);
  EXPECT_EQ(
      condition("this boot", [](const ProcessId& id) { return id.pid != 102; }),
      Condition::kDegraded);
}

TEST(ConditionTest, AfterABootAllAreDeadWhateverHasTheirPids) {
  const v1::LocalCluster cluster = TwoCpus();
  EXPECT_EQ(ConditionOf(cluster, DeadProcesses(cluster, "next boot", &All)),
            Condition::kStale);
}

TEST(ConditionTest, AProcessThatWasNeverStartedIsDead) {
  v1::LocalCluster cluster = TwoCpus();
  cluster.set_cpus(3);
  EXPECT_EQ(DeadProcesses(cluster, "this boot", &All),
            std::vector<std::string>{"cpu/2"});
}

TEST(ConditionTest, TheStartTimeIsAskedFor) {
  const v1::LocalCluster cluster = TwoCpus();
  const auto dead =
      DeadProcesses(cluster, "this boot",
                    [](const ProcessId& id) { return id.start_time != 7; });
  EXPECT_EQ(dead.size(), 3u);
}

}  // namespace
}  // namespace belfry::client
