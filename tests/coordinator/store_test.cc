// What a journal must do wherever it is kept: the same tests on SQLite and on a
// real etcd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/etcd_client.h"
#include "coordinator/etcd_store.h"
#include "coordinator/journal.h"
#include "coordinator/sqlite_store.h"
#include "tests/e2e/support/etcd.h"

namespace belfry::coordinator {
namespace {

using ::testing::HasSubstr;
using OpenedStore = absl::StatusOr<std::unique_ptr<Store>>;

constexpr std::chrono::seconds kTimeout{5};

// Where a journal is kept.
class Place {
 public:
  virtual ~Place() = default;
  // As the coordinator does that takes over from whoever has opened it before.
  virtual OpenedStore Open() = 0;
  virtual void SetVersion(const std::string& version) = 0;
};

class SqlitePlace : public Place {
 public:
  OpenedStore Open() override { return SqliteStore::Open(dir_.path()); }

  void SetVersion(const std::string& version) override {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(dir_.File("journal.sqlite").c_str(), &db),
              SQLITE_OK);
    const std::string sql = absl::StrCat("PRAGMA user_version=", version);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(db);
  }

 private:
  e2e::TempDir dir_;
};

class EtcdPlaceOnLoopback : public Place {
 public:
  OpenedStore Open() override { return Opened(Lead()); }

  void SetVersion(const std::string& version) override {
    etcdserverpb::TxnRequest txn;
    PutKey(place_.journal_prefix() + "version", version, 0, txn.add_success());
    EXPECT_TRUE(client_.Txn(txn, kTimeout).ok());
  }

  std::unique_ptr<Store> Opened(LeaderKey key) {
    return std::make_unique<EtcdStore>(&client_, place_, key, kTimeout);
  }

  // The lease of whoever led has ended: somebody else has the key.
  LeaderKey Lead() {
    if (lease_ != 0) {
      grpc::ClientContext context;
      etcdserverpb::LeaseRevokeRequest request;
      request.set_id(lease_);
      etcdserverpb::LeaseRevokeResponse response;
      EXPECT_TRUE(client_.member()
                      .lease->LeaseRevoke(&context, request, &response)
                      .ok());
    }
    grpc::ClientContext context;
    etcdserverpb::LeaseGrantRequest request;
    request.set_ttl(600);
    etcdserverpb::LeaseGrantResponse response;
    EXPECT_TRUE(
        client_.member().lease->LeaseGrant(&context, request, &response).ok());
    lease_ = response.id();
    etcdserverpb::TxnRequest txn;
    CompareCreateRevision(place_.leader_key(), 0, &txn);
    PutKey(place_.leader_key(), "127.0.0.1:1", lease_, txn.add_success());
    const auto answer = client_.Txn(txn, kTimeout);
    EXPECT_TRUE(answer.ok() && answer->succeeded()) << answer.status();
    return {.create_revision = answer->header().revision(), .version = 1};
  }

 private:
  e2e::Etcd etcd_;
  EtcdPlace place_{.endpoints = etcd_.endpoint_list(), .prefix = "/test"};
  EtcdClient client_{place_.endpoints};
  std::int64_t lease_ = 0;
};

kernel::Profile Belfry() { return *kernel::PresetByName("belfry"); }

absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(
    Place& place, std::uint32_t possible = 4) {
  auto store = place.Open();
  if (!store.ok()) return store.status();
  return Journal::Open(*std::move(store), Belfry(), possible);
}

kernel::Operation AnOffline() {
  return {.id = kernel::OpId{7},
          .kind = kernel::OpKind::kOffline,
          .cpu = kernel::CpuId{3},
          .active = *kernel::ParseCpuList("3"),
          .func = "nop",
          .payload = std::string("\0\xff", 2),
          .control = kernel::CpuId{1},
          .control_given = true,
          .leg = kernel::Leg::kTakedown,
          .rollback = true,
          .error = kernel::Errno::kEagain,
          .failed_step = 5,
          .state = 40,
          .walks = 2,
          .generation = kernel::Generation{9},
          .flushed = 108,
          .message = "why"};
}

kernel::View AView() {
  return {.number = 12, .online = *kernel::ParseCpuList("0-2")};
}

class StoreTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "sqlite") {
      place_ = std::make_unique<SqlitePlace>();
      return;
    }
    BELFRY_NEEDS_ETCD();
    place_ = std::make_unique<EtcdPlaceOnLoopback>();
  }

  Store::Records Records() {
    auto store = place_->Open();
    EXPECT_TRUE(store.ok()) << store.status();
    auto records = (*store)->Read();
    EXPECT_TRUE(records.ok()) << records.status();
    return *std::move(records);
  }

  void Write(const Store::Records& records) {
    auto store = place_->Open();
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Read().ok());
    EXPECT_TRUE((*store)->Write(records).ok());
  }

  std::unique_ptr<Place> place_;
};

TEST_P(StoreTest, AnEmptyOneIsAMachineThatHasNotRun) {
  const auto journal = OpenJournal(*place_);
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_EQ((*journal)->recovery(),
            kernel::Recovery{.epoch = kernel::Epoch{1}});
  EXPECT_EQ((*journal)->last_op(), kernel::OpId{0});
}

TEST_P(StoreTest, ASuccessorReadsAllThatWasWritten) {
  {
    const auto journal = OpenJournal(*place_);
    ASSERT_TRUE(journal.ok()) << journal.status();
    kernel::CpuRecord record{.incarnation = kernel::Incarnation{77},
                             .state = 40};
    EXPECT_TRUE((*journal)->WriteCpu(kernel::CpuId{2}, record).ok());
    EXPECT_TRUE((*journal)->WriteLastOp(kernel::OpId{8}).ok());
    record.state = 41;
    EXPECT_TRUE((*journal)
                    ->WriteLeg({.op = AnOffline(),
                                .view = {.number = 11},
                                .last_generation = kernel::Generation{9}},
                               &record)
                    .ok());
    EXPECT_TRUE((*journal)->WriteView(AView()).ok());
  }
  const auto journal = OpenJournal(*place_);
  ASSERT_TRUE(journal.ok()) << journal.status();
  const kernel::Recovery expected{
      .epoch = kernel::Epoch{2},
      .view = AView(),
      .last_generation = kernel::Generation{9},
      .cpus = {{kernel::CpuId{2},
                {.incarnation = kernel::Incarnation{77}, .state = 40}},
               {kernel::CpuId{3},
                {.incarnation = kernel::Incarnation{77}, .state = 41}}},
      .op = AnOffline()};
  EXPECT_EQ((*journal)->recovery(), expected);
  EXPECT_EQ((*journal)->last_op(), kernel::OpId{8});
}

TEST_P(StoreTest, AnOperationThatHasEndedIsNotGoneOnWith) {
  {
    const auto journal = OpenJournal(*place_);
    ASSERT_TRUE(journal.ok()) << journal.status();
    kernel::Operation op = AnOffline();
    EXPECT_TRUE((*journal)->WriteLeg({.op = op}, nullptr).ok());
    op.leg = kernel::Leg::kDone;
    EXPECT_TRUE((*journal)->WriteLeg({.op = op}, nullptr).ok());
  }
  const auto journal = OpenJournal(*place_);
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_EQ((*journal)->recovery().op, std::nullopt);
}

TEST_P(StoreTest, EachCoordinatorHasAnEpochOfItsOwn) {
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
    const auto journal = OpenJournal(*place_);
    ASSERT_TRUE(journal.ok()) << journal.status();
    EXPECT_EQ((*journal)->epoch(), epoch);
  }
}

// SQLite does not let the second in, etcd does not let the first write.
TEST_P(StoreTest, OfTwoOneWrites) {
  const auto first = OpenJournal(*place_);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE((*first)->WriteLastOp(kernel::OpId{1}).ok());
  const auto second = OpenJournal(*place_);
  const absl::Status late = (*first)->WriteLastOp(kernel::OpId{2});
  if (second.ok()) {
    EXPECT_TRUE(absl::IsAborted(late)) << late;
    EXPECT_EQ((*second)->last_op(), kernel::OpId{1});
    EXPECT_TRUE((*second)->WriteLastOp(kernel::OpId{3}).ok());
  } else {
    EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
    EXPECT_TRUE(late.ok()) << late;
  }
}

// And it is kept as it was.
TEST_P(StoreTest, WhatIsNotOursIsRefused) {
  EXPECT_TRUE(OpenJournal(*place_).ok());
  const Store::Records ours = Records();
  struct Case {
    std::string what;
    Store::Records spoilt;
    std::uint32_t possible;
    absl::StatusCode code;
    std::string message;
  };
  const std::string garbage = "\xff\xff\xff";
  const Case cases[] = {
      {"another number of CPUs",
       {},
       5,
       absl::StatusCode::kFailedPrecondition,
       "is of another machine: 4 CPUs"},
      {"a machine",
       {{"machine", garbage}},
       4,
       absl::StatusCode::kDataLoss,
       "does not say of which machine"},
      {"a view",
       {{"view", garbage}},
       4,
       absl::StatusCode::kDataLoss,
       "a record that cannot be read"},
      {"an operation",
       {{"op", garbage}},
       4,
       absl::StatusCode::kDataLoss,
       "a record that cannot be read"},
      {"a CPU",
       {{"cpu/1", garbage}},
       4,
       absl::StatusCode::kDataLoss,
       "a record that cannot be read"},
      {"a CPU's number",
       {{"cpu/x", ""}},
       4,
       absl::StatusCode::kDataLoss,
       "a record that cannot be read"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    if (!c.spoilt.empty()) Write(c.spoilt);
    const Store::Records before = Records();
    const auto journal = OpenJournal(*place_, c.possible);
    EXPECT_EQ(journal.status().code(), c.code) << journal.status();
    EXPECT_THAT(std::string(journal.status().message()), HasSubstr(c.message));
    EXPECT_EQ(Records(), before);
    // "cpu/x" cannot be taken away again, and is the last.
    Write(ours);
    Write({{"view", ""}, {"op", ""}, {"cpu/1", ""}});
  }
}

TEST_P(StoreTest, AnotherVersionIsRefused) {
  EXPECT_TRUE(OpenJournal(*place_).ok());
  place_->SetVersion("99");
  const auto refused = OpenJournal(*place_);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("has version 99, this program 2; it is kept"));
  place_->SetVersion("2");
  const auto journal = OpenJournal(*place_);
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_EQ((*journal)->epoch(), 2u);
}

INSTANTIATE_TEST_SUITE_P(All, StoreTest, testing::Values("sqlite", "etcd"),
                         [](const testing::TestParamInfo<std::string>& param) {
                           return param.param;
                         });

// True when whoever opened the store was killed by its first write behind so
// many bytes of a file.
bool IsKilledBehind(rlim_t bytes, const std::string& dir) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit most{.rlim_cur = bytes, .rlim_max = bytes};
    ::setrlimit(RLIMIT_FSIZE, &most);
    const rlimit no_core{};
    ::setrlimit(RLIMIT_CORE, &no_core);
    (void)SqliteStore::Open(dir);
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ;
}

// A death test: these run before any thread is started.
TEST(SqliteStoreDeathTest, KilledWhileItIsMadeItCanBeMadeAgain) {
  int killed = 0;
  for (rlim_t bytes = 0;; bytes += 512) {
    const e2e::TempDir dir;
    if (!IsKilledBehind(bytes, dir.path())) break;
    ++killed;
    const auto store = SqliteStore::Open(dir.path());
    ASSERT_TRUE(store.ok())
        << "killed behind " << bytes << " bytes: " << store.status();
    EXPECT_TRUE((*store)->Read().ok());
  }
  EXPECT_GT(killed, 8) << "kill points in a file of two pages at least";
}

// Somebody has removed the journal, and not the log beside it.
TEST(SqliteStoreTest, AnOldLogIsNotTakenForItsOwn) {
  const e2e::TempDir dir;
  std::string log;
  {
    const auto store = SqliteStore::Open(dir.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Write({{"x", "old"}}).ok());
    log = e2e::ReadFile(dir.File("journal.sqlite-wal"));
  }
  ASSERT_NE(log, "");
  ASSERT_EQ(::unlink(dir.File("journal.sqlite").c_str()), 0);
  e2e::WriteFile(dir.File("journal.sqlite-wal"), log);
  const auto store = SqliteStore::Open(dir.path());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_THAT(*(*store)->Read(), testing::IsEmpty());
}

TEST(SqliteStoreTest, AnEmptyFileIsNoJournal) {
  const e2e::TempDir dir;
  e2e::WriteFile(dir.File("journal.sqlite"), "");
  const auto store = SqliteStore::Open(dir.path());
  EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
}

// A try of a write that got no answer is made again, and may be carried out
// then, or when other writes have followed.
TEST(EtcdStoreTest, ATryCountsOnceAndNeverLate) {
  BELFRY_NEEDS_ETCD();
  EtcdPlaceOnLoopback etcd;
  const LeaderKey key = etcd.Lead();
  const std::unique_ptr<Store> store = etcd.Opened(key);
  const auto value = [&] { return (*store->Read())["x"]; };
  ASSERT_TRUE(store->Read().ok());
  ASSERT_TRUE(store->Write({{"x", "1"}}).ok());
  // The same once more: it was carried out, and that is an answer.
  const std::unique_ptr<Store> again = etcd.Opened(key);
  EXPECT_TRUE(again->Write({{"x", "1"}}).ok());
  ASSERT_TRUE(store->Write({{"x", "2"}}).ok());
  EXPECT_EQ(value(), "2");
  // The first try of all arrives at last.
  const std::unique_ptr<Store> late = etcd.Opened(key);
  EXPECT_TRUE(absl::IsAborted(late->Write({{"x", "1"}})));
  EXPECT_EQ(value(), "2");
}

TEST(EtcdStoreTest, WithoutAMajorityAWriteEndsInTime) {
  BELFRY_NEEDS_ETCD();
  e2e::Etcd etcd(2);
  EtcdClient client(etcd.endpoint_list());
  EtcdStore store(&client, {.endpoints = etcd.endpoint_list(), .prefix = "/t"},
                  {.create_revision = 1, .version = 1},
                  std::chrono::milliseconds(600));
  etcd.Kill(1);
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = store.Write({{"x", "1"}});
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(absl::IsAborted(status)) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot be written"));
}

}  // namespace
}  // namespace belfry::coordinator
