// The CPU's own thread, for functions that take their time.
#ifndef BELFRY_NODE_CPU_THREAD_H_
#define BELFRY_NODE_CPU_THREAD_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace belfry::node {

// Runs one job at a time, as the CPU does. Started by the first job.
class CpuThread {
 public:
  CpuThread() = default;
  // Waits for the job that runs.
  ~CpuThread();

  // Requires that no other job is under way.
  void Run(std::function<void()> job);
  // From any thread: whether one is.
  bool runs() const;

 private:
  void Body();

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::function<void()> job_;
  bool running_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_CPU_THREAD_H_
