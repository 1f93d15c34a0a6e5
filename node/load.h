// Emulated block I/O: completions arrive as interrupts on this CPU.
#ifndef BELFRY_NODE_LOAD_H_
#define BELFRY_NODE_LOAD_H_

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

#include "absl/status/status.h"
#include "belfry/v1/node.pb.h"
#include "node/cpu_driver.h"
#include "rpc/loop.h"

namespace belfry::node {

// Everything on the loop's thread.
class Load {
 public:
  Load(rpc::Loop* loop, CpuDriver* driver, std::uint32_t possible)
      : loop_(loop), driver_(driver), possible_(possible) {}

  // Takes the place of what ran. InvalidArgument names the field.
  absl::Status Set(const v1::Load& load);
  void Stop();
  v1::LoadStatus status() const;

  // A completion was taken as an interrupt.
  void OnDeviceIrq() { ++completions_; }

 private:
  void Schedule();
  void Tick(std::uint64_t run);
  void Complete(std::uint64_t count);

  rpc::Loop* loop_;
  CpuDriver* driver_;
  std::uint32_t possible_;

  bool running_ = false;
  v1::Load load_;
  std::vector<kernel::CpuId> submitters_;
  std::mt19937_64 random_;
  // Names the load that a timer belongs to.
  std::uint64_t run_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_tick_;
  // Raised at the device; those that the CPU could not take yet wait there.
  std::uint64_t raised_ = 0;
  std::uint64_t completions_ = 0;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_LOAD_H_
