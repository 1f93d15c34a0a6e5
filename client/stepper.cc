#include "client/stepper.h"

#include <utility>

namespace belfry::client {

Stepper::Stepper(std::function<void()> step)
    : step_(std::move(step)), thread_([this] { Run(); }) {}

Stepper::~Stepper() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Stepper::Go() {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_all();
}

void Stepper::Rest() {
  std::unique_lock lock(mutex_);
  wanted_ = false;
  changed_.wait(lock, [this] { return !stepping_; });
}

void Stepper::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return wanted_ || ended_; });
    if (ended_) return;
    stepping_ = true;
    lock.unlock();
    step_();
    lock.lock();
    stepping_ = false;
    changed_.notify_all();
  }
}

}  // namespace belfry::client
