// A thread that does one step again and again, and can be told to rest.
#ifndef BELFRY_CLIENT_STEPPER_H_
#define BELFRY_CLIENT_STEPPER_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace belfry::client {

// At rest at first. Each step is short: who tells it to rest waits for its end.
class Stepper {
 public:
  explicit Stepper(std::function<void()> step);
  ~Stepper();
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  void Go();
  // Returns when no step is under way.
  void Rest();

 private:
  void Run();

  const std::function<void()> step_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stepping_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_STEPPER_H_
