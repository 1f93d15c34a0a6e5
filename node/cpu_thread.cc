#include "node/cpu_thread.h"

#include <utility>

namespace belfry::node {

CpuThread::~CpuThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void CpuThread::Run(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    job_ = std::move(job);
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { Body(); });
  wake_.notify_one();
}

bool CpuThread::runs() const {
  const std::lock_guard lock(mutex_);
  return running_ || job_;
}

void CpuThread::Body() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return job_ || stop_; });
    if (!job_) return;
    const std::function<void()> job = std::exchange(job_, nullptr);
    running_ = true;
    lock.unlock();
    job();
    lock.lock();
    running_ = false;
  }
}

}  // namespace belfry::node
