// Drives one kernel::Cpu with real events: feeds it, carries out what it wants,
// and keeps what is known *about* it (times, ledger, trace) beside it.
#ifndef BELFRY_NODE_CPU_DRIVER_H_
#define BELFRY_NODE_CPU_DRIVER_H_

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "kernel/cpu.h"
#include "kernel/ledger.h"
#include "node/cpu_thread.h"
#include "node/functions.h"
#include "rpc/clock.h"
#include "rpc/gates.h"
#include "rpc/loop.h"
#include "rpc/trace_ring.h"
#include "trace/call_times.h"
#include "trace/cpu_snapshot.h"

namespace belfry::node {

using trace::TimePoint;

// Where a CPU's effects go. Called on the loop's thread, in the machine's
// order; must not feed the driver from inside, except through
// CpuDriver::Feed().
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual void Send(const kernel::SendEnqueue& m) = 0;
  virtual void Send(const kernel::SendEnqueued& m) = 0;
  virtual void Send(const kernel::SendDone& m) = 0;
  virtual void Send(const kernel::SendRing& m) = 0;
  virtual void Send(const kernel::SendLatched& m) = 0;
  virtual void Send(const kernel::SendStopTwo& m) = 0;
  virtual void Send(const kernel::SendStopTwoReport& m) = 0;
  virtual void Tell(const kernel::FromCpu& message) = 0;
  // What the CPU sends from here on, it sends on a link that it knows is up.
  virtual void OnLinkUp(const kernel::LinkUp& up) = 0;
  virtual void OnCallQueued(const kernel::CallQueued& queued) = 0;
  virtual void OnCallEnded(const kernel::CallEnded& ended) = 0;
  // Every event of the trace, after the ledger has it.
  virtual void OnTrace(const kernel::TraceEvent& event) = 0;
  // Nothing more follows for now: what was given to Send() may go.
  virtual void Flush() = 0;
};

// Everything on the loop's thread, but for the CPU's own thread inside.
class CpuDriver {
 public:
  struct Surroundings {
    rpc::Loop* loop;
    rpc::Gates* gates;
    rpc::LamportClock* clock;
    Functions* functions;
    Outlet* outlet;
  };

  // Of the machine, as its coordinator has them.
  struct Times {
    std::chrono::nanoseconds csd_lock_timeout{};
    std::chrono::nanoseconds stop_lease{};
  };

  CpuDriver(kernel::CpuConfig config, std::size_t trace_events,
            const Times& times, Surroundings around);

  // Events that have come at once, as the calls of a frame do, stand before
  // what follows from any of them: one drain runs them all, and one frame
  // answers. Any order of that kind could have been the wire's.
  class Together {
   public:
    explicit Together(CpuDriver* driver)
        : driver_(driver), outer_(std::exchange(driver->stepping_, true)) {}
    ~Together() {
      driver_->stepping_ = outer_;
      if (!outer_) driver_->StepAll();
    }
    Together(const Together&) = delete;
    Together& operator=(const Together&) = delete;

   private:
    CpuDriver* driver_;
    bool outer_;
  };

  // An event has come. At a held gate it waits.
  void Feed(kernel::CpuEvent event);

  // For one call: whoever asked for it knows its end by it.
  kernel::Token NewToken() { return ++last_token_; }

  // Reports what is older than the csd-lock timeout, and retries calls that
  // found a queue full. To be called some times a second.
  void Watch();

  // How far the wall clock was set, a second at least, since the last time this
  // was called; else 0. The ages of calls are what they were.
  std::chrono::nanoseconds FollowClock();

  const kernel::Cpu& cpu() const { return cpu_; }
  const kernel::Ledger& ledger() const { return ledger_; }
  const rpc::TraceRing& trace() const { return trace_; }
  const Functions& functions() const { return *around_.functions; }

  const trace::CallTimes& times() const { return times_; }
  // Of the step that is carried out: all of its trace has one time.
  TimePoint now() const { return now_; }
  // Valid as long as the driver.
  trace::CpuFacts facts() const;

  // What was issued before this is older than the csd-lock timeout.
  TimePoint overdue_before() const;
  // A function has the CPU's own thread.
  bool runs_function() const { return thread_.runs(); }

 private:
  void Deliver(kernel::CpuEvent event);
  void StepAll();
  void CarryOut(kernel::CpuEffect& effect);
  void On(kernel::RaiseIrq& effect);
  void On(kernel::WakeIdle& effect);
  void On(kernel::RingSelf& effect);
  void On(kernel::NextStep& effect);
  void On(kernel::WakeStopper& effect);
  void On(kernel::NextStage& effect);
  void On(kernel::HoldLease& effect);
  void On(kernel::OpenWindow& effect);
  void On(kernel::LookAtWindow& effect);
  void AwaitLease();
  void On(kernel::RunFunction& effect);
  void On(kernel::Trace& effect);
  void Run(kernel::RunFunction effect);

  Surroundings around_;
  Times lengths_;
  kernel::Cpu cpu_;
  kernel::Ledger ledger_;
  rpc::TraceRing trace_;

  kernel::Token last_token_ = 0;
  std::deque<kernel::CpuEvent> mailbox_;
  bool stepping_ = false;
  TimePoint now_;
  kernel::CpuEffects effects_;

  trace::CallTimes times_;
  // The wall clock's lead over the one that nobody sets.
  std::chrono::nanoseconds clock_lead_;
  // When a target was last rung for calls that are overdue.
  std::map<kernel::CpuId, TimePoint> rung_;
  // The round that a lease is held for, and when that ends; a timer is under
  // way. When the window of a round was opened. No clock that anybody sets.
  using Steady = std::chrono::steady_clock::time_point;
  kernel::Generation leased_;
  Steady lease_end_;
  bool awaits_lease_ = false;
  std::pair<kernel::Generation, Steady> window_;
  CpuThread thread_;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_CPU_DRIVER_H_
