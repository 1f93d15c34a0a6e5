#include "rpc/loop.h"

#include <grpcpp/alarm.h>
#include <gtest/gtest.h>

#include <memory>

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
  void Drop() override { dropped_ = true; }
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

}  // namespace
}  // namespace belfry::rpc
