#include "rpc/loop.h"

#include <grpcpp/alarm.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace belfry::rpc {
namespace {

std::unique_ptr<Loop> NewLoop() {
  return std::make_unique<Loop>(std::make_unique<grpc::CompletionQueue>());
}

// What a stream's handler does: it starts the next operation on the queue,
// which aborts the process if that is shut down.
class Restarting : public Tag {
 public:
  explicit Restarting(grpc::CompletionQueue* cq) : cq_(cq) { Start(); }
  void Proceed(bool) override { Start(); }
  void Drop(bool) override { dropped_ = true; }
  bool dropped() const { return dropped_; }

 private:
  void Start() {
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(cq_, gpr_now(GPR_CLOCK_MONOTONIC), static_cast<Tag*>(this));
  }

  grpc::CompletionQueue* cq_;
  std::unique_ptr<grpc::Alarm> alarm_;
  bool dropped_ = false;
};

TEST(LoopTest, WhatReturnsAfterTheEndStartsNothing) {
  const std::unique_ptr<Loop> loop = NewLoop();
  Restarting tag(loop->cq());
  loop->Shutdown();
  loop->Run();
  EXPECT_TRUE(tag.dropped());
}

TEST(LoopTest, TheEndDropsWhatWaits) {
  const std::unique_ptr<Loop> loop = NewLoop();
  const auto held = std::make_shared<int>();
  loop->After(std::chrono::hours(1), [held] { ADD_FAILURE(); });
  loop->Post([&loop, held] {
    loop->Shutdown();
    loop->Post([] { ADD_FAILURE() << "the loop has ended"; });
  });
  loop->Run();
  EXPECT_EQ(held.use_count(), 1);
}

// Posts itself until the queue's event was seen, or that takes too long.
void PostUntilSeen(Loop* loop, const bool* seen, int* turns) {
  if (*seen || ++*turns == 10'000) return loop->Shutdown();
  loop->Post([=] { PostUntilSeen(loop, seen, turns); });
}

class Seen : public Tag {
 public:
  explicit Seen(bool* seen) : seen_(seen) {}
  void Proceed(bool) override { *seen_ = true; }
  void Drop(bool) override {}

 private:
  bool* seen_;
};

TEST(LoopTest, WhatPostsItselfDoesNotKeepTheNetworkWaiting) {
  const std::unique_ptr<Loop> loop = NewLoop();
  bool seen = false;
  Seen tag(&seen);
  grpc::Alarm event;
  event.Set(loop->cq(), gpr_inf_past(GPR_CLOCK_MONOTONIC),
            static_cast<Tag*>(&tag));
  int turns = 0;
  PostUntilSeen(loop.get(), &seen, &turns);
  loop->Run();
  EXPECT_TRUE(seen);
}

TEST(LoopTest, TimersRunInTheirOrderAndNotBeforeTheirTime) {
  const std::unique_ptr<Loop> loop = NewLoop();
  const auto start = Loop::Clock::now();
  std::vector<int> order;
  for (const int ms : {30, 10, 20}) {
    loop->After(std::chrono::milliseconds(ms), [&, ms] {
      EXPECT_GE(Loop::Clock::now() - start, std::chrono::milliseconds(ms));
      order.push_back(ms);
    });
  }
  loop->After(std::chrono::milliseconds(40), [&] { loop->Shutdown(); });
  loop->Run();
  EXPECT_EQ(order, (std::vector{10, 20, 30}));
}

TEST(LoopTest, AnotherThreadEndsTheWait) {
  const std::unique_ptr<Loop> loop = NewLoop();
  loop->After(std::chrono::hours(1), [] { ADD_FAILURE(); });
  int ran = 0;
  std::thread other([&] {
    for (int i = 0; i < 1'000; ++i) loop->Post([&] { ++ran; });
    loop->After(std::chrono::milliseconds(1), [&] {
      ++ran;
      loop->Shutdown();
    });
  });
  loop->Run();
  other.join();
  EXPECT_EQ(ran, 1'001);
}

TEST(LoopTest, NothingRunsOnceItIsShutDown) {
  const std::unique_ptr<Loop> loop = NewLoop();
  loop->Post([&] { loop->Shutdown(); });
  loop->Post([] { ADD_FAILURE() << "the loop has ended"; });
  loop->After({}, [] { ADD_FAILURE() << "the loop has ended"; });
  loop->Run();
}

}  // namespace
}  // namespace belfry::rpc
