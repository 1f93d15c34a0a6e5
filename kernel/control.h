// What crosses the control plane between the coordinator's machine and a CPU's:
// hotplug steps, the barrier, views. Never a call, never a doorbell. Every
// request names its operation, walk or generation, so that it may be repeated
// after a lost connection and is then recognised.
#ifndef BELFRY_KERNEL_CONTROL_H_
#define BELFRY_KERNEL_CONTROL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/cpuhp.h"
#include "kernel/cpumask.h"
#include "kernel/errno.h"
#include "kernel/ids.h"
#include "kernel/multi_stop.h"

namespace belfry::kernel {

// The online mask and the number that orders its versions.
struct View {
  std::uint64_t number = 0;
  CpuMask online;

  friend bool operator==(const View&, const View&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const View& v) {
    return H::combine(std::move(h), v.number, v.online);
  }
};

// The alive/dead handshake, as CONFIG_HOTPLUG_CORE_SYNC of Linux 6.x. A CPU
// that is DEAD is parked: its process serves its memory, takes no interrupt and
// runs nothing.
enum class Life : std::uint8_t {
  kDead,
  kKicked,
  kAlive,
  kShouldOnline,
  kOnline,
  kShouldDie,
};

// "DEAD", "KICKED", ...
absl::string_view LifeName(Life life);
std::optional<Life> ParseLife(absl::string_view name);

// What a dying CPU hands over inside the barrier. The lowest CPU that stays
// online gets it with EXIT, before it unmasks.
struct Handover {
  // Interrupts that were pending in its controller: who submitted each I/O.
  std::vector<CpuId> device_irqs;
  // Its bandwidth timers: the CPU whose tasks each lets run again. Where the
  // DEAD steps move them, the control CPU gets them, with those steps.
  std::vector<CpuId> timers;

  friend bool operator==(const Handover&, const Handover&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Handover& o) {
    return H::combine(std::move(h), o.device_irqs, o.timers);
  }
};

// ---- Coordinator to CPU.

// Publishes a state of a stop_machine round. The first of a round is PREPARE.
struct StopPublish {
  Generation generation;
  MultiStopState state{};
  CpuMask active;
  // The active CPUs take themselves down; else they run `func`.
  bool takedown = false;
  std::string func;
  std::string payload;
  // With EXIT: the view that the round has committed, and what those that have
  // left it hand over.
  std::optional<View> view;
  Handover handover;
  // Of the coordinator that says so. One of an older epoch is not obeyed.
  Epoch epoch;

  friend bool operator==(const StopPublish&, const StopPublish&) = default;
};

// Gives a round up; what it did not commit did not happen.
struct StopAbort {
  Generation generation;
  Epoch epoch;

  friend bool operator==(const StopAbort&, const StopAbort&) = default;
};

// Walk `about` from one cpuhp state to another by the steps that this CPU runs.
struct WalkSteps {
  WalkId walk;
  CpuId about;
  CpuhpState from = 0;
  CpuhpState to = 0;
  // Where the whole way goes, of which this walk is a part; for the trace.
  CpuhpState target = 0;
  // The step that must fail once with EAGAIN; kCpuhpInvalid for none.
  CpuhpState fail = kCpuhpInvalid;
  // DEAD steps: what the CPU has left.
  Handover handover;

  friend bool operator==(const WalkSteps&, const WalkSteps&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const WalkSteps& w) {
    return H::combine(std::move(h), w.walk, w.about, w.from, w.to, w.fail,
                      w.handover);
  }
};

// Reset: clears the pending bit and keeps the queue.
struct Kick {
  OpId op;

  friend bool operator==(const Kick&, const Kick&) = default;
};

// The coordinator has seen the CPU alive; it may run its STARTING steps.
struct BringOnline {
  OpId op;

  friend bool operator==(const BringOnline&, const BringOnline&) = default;
};

struct SetView {
  View view;

  friend bool operator==(const SetView&, const SetView&) = default;
};

// A CPU's process has this incarnation now (rising).
struct PeerIs {
  CpuId cpu;
  Incarnation incarnation;

  friend bool operator==(const PeerIs&, const PeerIs&) = default;
};

// That incarnation has died. 0: the CPU has no process, whichever it had.
struct PeerGone {
  CpuId cpu;
  Incarnation incarnation;

  friend bool operator==(const PeerGone&, const PeerGone&) = default;
};

// Physically: from now on the CPU does nothing. One that has made its last
// report is parked, which is the same.
struct PowerOff {
  OpId op;

  friend bool operator==(const PowerOff&, const PowerOff&) = default;
};

// So many of the CPU's readers hold the hotplug lock.
struct ReadersGranted {
  std::uint32_t count = 0;

  friend bool operator==(const ReadersGranted&,
                         const ReadersGranted&) = default;
};

using ToCpu = std::variant<StopPublish, StopAbort, WalkSteps, Kick, BringOnline,
                           SetView, PeerIs, PeerGone, PowerOff, ReadersGranted>;

// ---- CPU to coordinator.

struct StopAck {
  Generation generation;
  MultiStopState state{};
  // RUN of an active CPU: what its function returned.
  Errno error = Errno::kOk;
  std::string result;
  // RUN of a takedown: calls that the dying CPU ran from its queue, and what it
  // hands over.
  std::uint64_t flushed = 0;
  Handover handover;
  // The CPU is in this round no more, or does not begin its effect: it cannot
  // say that it has been masked without a break. stop_lease=held.
  bool refused = false;

  friend bool operator==(const StopAck&, const StopAck&) = default;
};

// Answers StopAbort, where a CPU may have begun an effect: that is taken back.
// stop_lease=held.
struct StopAborted {
  Generation generation;
  // It has run the function in that round, and that is not taken back.
  bool ran = false;

  friend bool operator==(const StopAborted&, const StopAborted&) = default;
};

struct StepsDone {
  WalkId walk;
  // The state that was reached.
  CpuhpState state = 0;
  Errno error = Errno::kOk;
  CpuhpState failed_step = kCpuhpInvalid;

  friend bool operator==(const StepsDone&, const StepsDone&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StepsDone& s) {
    return H::combine(std::move(h), s.walk, s.state, s.error, s.failed_step);
  }
};

struct Alive {
  OpId op;

  friend bool operator==(const Alive&, const Alive&) = default;
};

struct StartingDone {
  OpId op;

  friend bool operator==(const StartingDone&, const StartingDone&) = default;
};

struct ViewAck {
  std::uint64_t number = 0;

  friend bool operator==(const ViewAck&, const ViewAck&) = default;
};

struct Dead {
  // The last report is still to come (death_report=announce_first). Without it
  // this is the report.
  bool report_owed = false;

  friend bool operator==(const Dead&, const Dead&) = default;
};

// So many tasks of this CPU hold the hotplug lock for reading, or want to.
struct Readers {
  std::uint32_t count = 0;

  friend bool operator==(const Readers&, const Readers&) = default;
};

using FromCpu = std::variant<StopAck, StopAborted, StepsDone, Alive,
                             StartingDone, ViewAck, Dead, Readers>;

// What a CPU tells of itself when its control link comes up (again).
struct CpuStatus {
  Incarnation incarnation;
  Life life = Life::kDead;
  std::uint64_t view_number = 0;
  // The round it stands in; 0 for none.
  Generation stop_generation;
  // An active CPU: it has begun its function, or its way out, in that round.
  bool stop_ran = false;
  // It has announced its death and not made its last report.
  bool report_owed = false;
  // As in Readers.
  std::uint32_t readers = 0;

  friend bool operator==(const CpuStatus&, const CpuStatus&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const CpuStatus& s) {
    return H::combine(std::move(h), s.incarnation, s.life, s.view_number,
                      s.stop_generation, s.stop_ran, s.report_owed, s.readers);
  }
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_CONTROL_H_
