// The machine of the seed after the bug has struck: four CPUs, the calls of CPU
// 1 in CPU 3's queue, and the events that led there, as the kernel's machines
// write them.
#ifndef BELFRY_TESTS_TRACE_SEED_MACHINE_H_
#define BELFRY_TESTS_TRACE_SEED_MACHINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/debug.pb.h"
#include "trace/machine_view.h"

namespace belfry::testing {

// What is not given stays unset.
struct EventSpec {
  std::optional<std::uint32_t> cpu;
  std::string name;
  std::optional<std::uint32_t> about;
  std::string function;
  std::optional<std::uint32_t> src;
  std::uint64_t seq = 0;
  std::int64_t value = 0;
  std::int64_t value2 = 0;
  std::int32_t state = 0;
  std::string detail;
};

// Writes events one after another, each a little later than the one before.
class TraceWriter {
 public:
  TraceWriter& Add(const EventSpec& spec);
  // An asynchronous call as a fused frame makes it, up to the sender's news.
  TraceWriter& Call(std::uint32_t src, std::uint32_t target, std::uint64_t seq,
                    const std::string& function, std::int64_t depth,
                    bool wait = false);
  TraceWriter& Pause(std::int64_t us);

  const std::vector<v1::TraceEvent>& events() const { return events_; }
  google::protobuf::Timestamp now() const;

 private:
  std::vector<v1::TraceEvent> events_;
  std::int64_t us_ = 1'000'000'000;
  // By CPU: interrupts are masked.
  std::vector<bool> masked_ = std::vector<bool>(8);
};

struct SeedOptions {
  // The doorbell stays on the wire until CPU 3 is parked.
  bool late = false;
  // Completions after CPU 3 is online again.
  int backlog = 107;
};

TraceWriter SeedTrace(const SeedOptions& options = {});
trace::MachineView SeedMachine(const SeedOptions& options = {});

// Four online CPUs at rest.
trace::MachineView QuietMachine();

v1::CpuSnapshot& SnapshotOf(trace::MachineView* view, std::uint32_t cpu);

// Queues a call in the target's snapshot, and in the source's list.
v1::OutgoingCall& AddCall(trace::MachineView* view, std::uint32_t src,
                          std::uint32_t target, std::uint64_t seq,
                          const std::string& function, bool wait);

google::protobuf::Timestamp At(std::int64_t us);

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_TRACE_SEED_MACHINE_H_
