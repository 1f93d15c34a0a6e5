// The threads of the kernel's scftorture that are bound to this CPU:
// kernel/scftorture.c, scftorture_invoker() and scf_handler().
#ifndef BELFRY_NODE_TORTURE_H_
#define BELFRY_NODE_TORTURE_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "belfry/v1/node.pb.h"
#include "kernel/cpumask.h"
#include "kernel/trace_event.h"
#include "node/cpu_driver.h"
#include "rpc/loop.h"

namespace belfry::node {

// Everything on the loop's thread.
class Torture {
 public:
  Torture(rpc::Loop* loop, CpuDriver* driver, std::uint32_t possible)
      : loop_(loop), driver_(driver), possible_(possible) {}

  // Takes the place of what ran. InvalidArgument names the field.
  absl::Status Set(const v1::Torture& torture);
  // Threads start nothing more; what they wait for goes on, and is counted.
  void Stop();
  v1::TortureStatus status() const;

  // The function that its calls run.
  static constexpr char kHandler[] = "scf_handler";
  FunctionResult Handle(const FunctionCall& call);

  // Of any call: false when it is none of ours.
  bool OnQueued(kernel::Token token);
  bool OnEnded(const kernel::CallEnded& ended);
  // A function is about to run here.
  void OnTrace(const kernel::TraceEvent& event);

 private:
  enum class Primitive : std::uint8_t {
    kSingle,
    kSingleRpc,
    kSingleWait,
    kMany,
    kManyWait,
    kAll,
    kAllWait,
    kIrq
  };
  struct Thread;
  // A call that has not ended.
  struct Ticket {
    std::shared_ptr<Thread> thread;
    Primitive primitive{};
    // Targets at which it has not ended.
    std::uint32_t targets = 0;
    // 0: its answer is not looked at.
    std::uint64_t check = 0;
    // Its thread goes on when it has ended; of an asynchronous one, as soon as
    // it is queued.
    bool holds_thread = true;
    std::chrono::steady_clock::time_point start;
  };

  void Next(const std::shared_ptr<Thread>& thread);
  void NextAfter(const std::shared_ptr<Thread>& thread,
                 std::chrono::nanoseconds delay);
  void Call(const std::shared_ptr<Thread>& thread, Primitive primitive);
  void SubmitIo(Thread& thread);
  static bool Waits(Primitive primitive);
  // Has one target, by name.
  static bool IsSingle(Primitive primitive);
  // Whose caller does not wait for its end.
  static bool IsAsync(Primitive primitive);
  using Weights = std::array<std::pair<std::uint32_t, Primitive>, 8>;
  static Weights WeightsOf(const v1::Torture::Weights& w);
  static std::uint64_t Total(const Weights& weights);
  Primitive Pick(Thread& thread) const;
  kernel::CpuId PickCpu(Thread& thread) const;
  kernel::CpuMask PickTargets(Thread& thread, Primitive primitive) const;
  bool Rests() const;
  void CheckEnd(const Ticket& ticket, const kernel::CallEnded& ended);
  void Count(Primitive primitive, bool offline);

  rpc::Loop* loop_;
  CpuDriver* driver_;
  std::uint32_t possible_;

  bool running_ = false;
  v1::Torture torture_;
  kernel::FuncId handler_;
  // Names the run that a timer belongs to.
  std::uint64_t run_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::map<kernel::Token, Ticket> tickets_;
  v1::TortureCounts counts_;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_TORTURE_H_
