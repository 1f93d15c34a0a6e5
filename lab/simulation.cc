#include "lab/simulation.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <queue>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernel/cpumask.h"
#include "lab/fingerprint.h"
#include "lab/happenings.h"
#include "lab/random.h"
#include "lab/referee.h"
#include "lab/world.h"
#include "trace/codec.h"
#include "trace/trace_file.h"

namespace belfry::lab {
namespace {

// Virtual ns.
using Time = std::uint64_t;
constexpr Time kNever = std::numeric_limits<Time>::max();
constexpr Time kMicrosecond = 1000;
constexpr Time kSecond = 1'000'000'000;

// The csd_lock_timeout: how often the watchdogs look, and how old a call must
// be for them.
constexpr Time kWatchPeriod = kSecond;
// The stop lease, and how long of it a CPU may begin its effect.
constexpr Time kStopLease = 300'000 * kMicrosecond;
constexpr Time kStopWindow = kStopLease / 10 * kernel::kWindowTenths;
// A message that cannot be delivered yet is tried again so much later.
constexpr Time kRetry = 100 * kMicrosecond;
// From the last input to the restart of what is dead.
constexpr Time kBeforeRepair = 10'000 * kMicrosecond;
// At rest: so many looks of the watchdogs, and nothing moved.
constexpr int kQuietWatches = 4;
// A machine that still moves so long after the last input never rests.
constexpr Time kPatience = 600 * kSecond;

class Simulation {
 public:
  Simulation(const v1::Simulation& run, const Latencies& latencies,
             const SimulateOptions& options)
      : run_(run),
        latencies_(latencies),
        options_(options),
        referee_(run.cpus()),
        world_({.profile = trace::FromProto(run.profile()).value(),
                .cpus = run.cpus(),
                .split_doorbell = run.split_doorbell(),
                .on_post =
                    [this](const Lane& lane, const Shared<Message>& message) {
                      Posted(lane, message);
                    },
                .windows = lab::WindowClock{
                    .open =
                        [this](kernel::CpuId cpu, kernel::Generation round) {
                          windows_[cpu] = {round, now_};
                        },
                    .is_open =
                        [this](kernel::CpuId cpu, kernel::Generation round) {
                          const auto& [opened, at] = windows_[cpu];
                          return opened == round && now_ - at < kStopWindow;
                        }}}) {}
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Simulated Run() {
    Boot();
    while (!stop_ && Step()) {
    }
    if (!stop_) JudgeEnd();
    result_.violated = referee_.violated();
    result_.inputs = next_input_;
    for (const kernel::Cpu* cpu : world_.Living()) {
      result_.peer_records += cpu->peers().size();
    }
    result_.counts.set_virtual_us(now_ / kMicrosecond);
    return std::move(result_);
  }

 private:
  enum class Fate : std::uint8_t { kArrives, kDropped, kRepeated };
  // A message that arrives.
  struct Due {
    Time time = 0;
    // Of two at one time the one that was put there first.
    std::uint64_t order = 0;
    Lane lane;
    Shared<Message> message;
    Fate fate = Fate::kArrives;

    friend bool operator<(const Due& a, const Due& b) {
      return std::tie(b.time, b.order) < std::tie(a.time, a.order);
    }
  };
  struct LaneClock {
    std::uint64_t messages = 0;
    // When the last of them arrives.
    Time last = 0;
  };
  struct Cut {
    kernel::CpuMask cpus;
    Time until = 0;
  };
  using CallName =
      std::tuple<std::uint32_t, std::uint64_t, kernel::CpuId, kernel::Seq>;

  // ---- Time.

  void Posted(const Lane& lane, const Shared<Message>& message) {
    LaneClock& clock = lanes_[lane];
    const std::uint64_t chance =
        Mix(run_.seed() ^
            Mix((static_cast<std::uint64_t>(lane.kind) << 60) ^
                (static_cast<std::uint64_t>(lane.from) << 40) ^
                (static_cast<std::uint64_t>(lane.to) << 20) ^ clock.messages));
    ++clock.messages;
    Due due{now_ + latencies_.Draw(lane.kind, chance), 0, lane, message};
    if (IsDoorbell(*message)) Disturb(&due);
    if (const Time length = LengthOf(*message)) due.time = now_ + length;
    // Links are in order.
    if (!lane.is_bag()) due.time = clock.last = std::max(due.time, clock.last);
    Push(std::move(due));
  }

  // Of a time that is to pass; 0: it is a message.
  static Time LengthOf(const Message& message) {
    if (const auto* at_cpu = std::get_if<kernel::CpuEvent>(&message.event)) {
      return std::holds_alternative<kernel::LeaseOver>(*at_cpu) ? kStopLease
                                                                : 0;
    }
    const auto& event = std::get<kernel::CoordinatorEvent>(message.event);
    return std::holds_alternative<kernel::StopTick>(event) ? kStopLease / 2 : 0;
  }

  void Push(Due due) {
    due.order = ++pushed_;
    due_.push(std::move(due));
  }

  void Disturb(Due* due) {
    const auto fault = ring_faults_.find({due->lane.from, due->lane.to});
    if (fault == ring_faults_.end()) return;
    switch (fault->second.fault_case()) {
      case v1::DoorbellFault::kDrop:
        due->fate = Fate::kDropped;
        break;
      case v1::DoorbellFault::kRepeat:
        due->fate = Fate::kRepeated;
        break;
      default:
        due->time += fault->second.delay_us() * kMicrosecond;
        CountFault("doorbell delayed");
        break;
    }
    ring_faults_.erase(fault);
  }

  // The next of: an input, a message, a look of the watchdogs.
  bool Step() {
    const Time input = NextInputTime();
    const Time message = due_.empty() ? kNever : due_.top().time;
    const Time watch = next_watch_;
    if (input <= message && input <= watch) {
      now_ = std::max(now_, input);
      TakeInput();
      return true;
    }
    if (message <= watch) {
      now_ = std::max(now_, message);
      Due due = due_.top();
      due_.pop();
      Arrive(std::move(due));
      return now_ < last_input_ + kPatience;
    }
    now_ = watch;
    next_watch_ += kWatchPeriod;
    return Watch();
  }

  // ---- Messages.

  void Arrive(Due due) {
    const std::optional<World::Standing> standing =
        world_.Find(due.lane, due.message);
    // It was lost with a link or a process.
    if (!standing) return;
    const Time until = StoppedUntil(due.lane);
    if (until > now_ || !standing->enabled) {
      due.time = until > now_ ? until : now_ + kRetry;
      Push(std::move(due));
      return;
    }
    if (!armed_.empty() && TakeInputAtGate(*standing)) {
      due.time = now_;
      Push(std::move(due));
      return;
    }
    Deliver(due, standing->move);
  }

  void Deliver(const Due& due, Move move) {
    if (!MayMake({due.fate == Fate::kDropped    ? SimulatedMove::Kind::kDrop
                  : due.fate == Fate::kRepeated ? SimulatedMove::Kind::kRepeat
                                                : SimulatedMove::Kind::kDeliver,
                  move})) {
      return;
    }
    if (due.fate == Fate::kDropped) {
      CountFault("doorbell dropped");
      referee_.RingDropped({due.lane.to});
      world_.DropDoorbell(move);
      return;
    }
    if (due.fate == Fate::kRepeated) {
      CountFault("doorbell repeated");
      world_.RepeatDoorbell(move);
      // It may have moved its twin.
      move = world_.Find(due.lane, due.message)->move;
    }
    if (IsDoorbell(*due.message)) referee_.RingArrived({due.lane.to});
    Happenings happenings;
    world_.Apply(move, &happenings);
    See(happenings);
    moved_ = true;
    Judge();
  }

  // False when who asked to see the moves stops the run here.
  bool MayMake(const SimulatedMove& move) {
    if (options_.before_move) Show(world_, move);
    return result_.stopped.ok();
  }
  void Show(const World& before, const SimulatedMove& move) {
    result_.stopped = options_.before_move(before, move);
    if (!result_.stopped.ok()) stop_ = true;
  }

  // Until when nothing passes on the lane; 0 when it is free.
  Time StoppedUntil(const Lane& lane) const {
    Time until = 0;
    if (!lane.to_coordinator() && !paused_.empty()) {
      const auto pause = paused_.find(lane.to);
      if (pause != paused_.end()) until = pause->second;
    }
    for (const Cut& cut : cuts_) {
      if (cut.until > now_ && Crosses(cut, lane)) {
        until = std::max(until, cut.until);
      }
    }
    return until;
  }

  // The coordinator is on the other side of every cut.
  static bool Crosses(const Cut& cut, const Lane& lane) {
    switch (lane.kind) {
      case Lane::Kind::kSelf:
      case Lane::Kind::kRequest:
      case Lane::Kind::kDriver:
        return false;
      case Lane::Kind::kControl:
        return cut.cpus.Has({lane.to});
      case Lane::Kind::kUp:
      case Lane::Kind::kAttach:
        return cut.cpus.Has({lane.from});
      default:
        return cut.cpus.Has({lane.from}) != cut.cpus.Has({lane.to});
    }
  }

  void See(const Happenings& happenings) {
    referee_.See(happenings);
    v1::SimulationCounts& counts = result_.counts;
    counts.set_events(counts.events() + 1);
    for (const Happening& h : happenings) {
      if (const auto* call = std::get_if<kernel::CallEnded>(&h.what)) {
        Count(*call);
      } else if (const auto* op = std::get_if<kernel::Operation>(&h.what)) {
        Count(*op);
      }
    }
    if (options_.record) {
      AppendEvents(happenings, std::chrono::nanoseconds(now_), &result_.events);
    }
  }

  void Count(const kernel::CallEnded& call) {
    v1::SimulationCounts& counts = result_.counts;
    switch (call.outcome) {
      case kernel::Outcome::kCompleted:
        counts.set_calls_completed(counts.calls_completed() + 1);
        break;
      case kernel::Outcome::kRefused:
        counts.set_calls_refused(counts.calls_refused() + 1);
        break;
      case kernel::Outcome::kLost:
        counts.set_calls_lost(counts.calls_lost() + 1);
        break;
    }
  }

  void Count(const kernel::Operation& op) {
    v1::SimulationCounts& counts = result_.counts;
    if (op.error != kernel::Errno::kOk) {
      counts.set_failed_operations(counts.failed_operations() + 1);
    } else if (op.kind == kernel::OpKind::kOffline) {
      counts.set_offlines(counts.offlines() + 1);
    } else if (op.kind == kernel::OpKind::kOnline) {
      counts.set_onlines(counts.onlines() + 1);
    }
  }

  void CountFault(const std::string& kind) {
    ++(*result_.counts.mutable_faults())[kind];
  }

  // ---- Boot and watchdogs.

  // In no time: the run begins when every CPU is online.
  void Boot() {
    Happenings boot;
    if (run_.cpus() > kBootedAtOnce) {
      world_.BootAtOnce(boot);
    } else {
      world_.Boot(&boot);
    }
    due_ = {};
    lanes_.clear();
    referee_.See(boot);
    JudgeNow();
  }

  // False when there is nothing more to wait for.
  bool Watch() {
    std::set<CallName> waiting;
    for (const kernel::Cpu* cpu : world_.Living()) {
      const std::uint32_t me = cpu->id().value;
      if (!cpu->backed_off().empty()) world_.Tell(me, kernel::Retry{});
      for (const auto& [dst, peer] : cpu->peers())
        WatchPeer(*cpu, dst, &waiting);
    }
    if (world_.coordinator_up() && recovery_timeout_ <= now_) {
      recovery_timeout_ = kNever;
      world_.TellCoordinator(kernel::RecoveryTimeout{});
    }
    watched_ = std::move(waiting);
    quiet_watches_ = moved_ || !Repaired() ? 0 : quiet_watches_ + 1;
    moved_ = false;
    return quiet_watches_ < kQuietWatches;
  }

  // Of the calls that the last look saw, each waiter is told once that it is
  // overdue, and the oldest call stands for all others: one bit covers the
  // whole queue.
  void WatchPeer(const kernel::Cpu& cpu, kernel::CpuId dst,
                 std::set<CallName>* waiting) {
    const std::uint32_t me = cpu.id().value;
    bool rung = false;
    cpu.peers().at(dst).out.ForEach(
        [&](kernel::Seq seq, const kernel::Outgoing& call) {
          const CallName name{me, cpu.incarnation().value, dst, seq};
          waiting->insert(name);
          if (!watched_.contains(name)) return;
          if (rung && (!call.wait || call.stuck)) return;
          rung = true;
          world_.Tell(me, kernel::Overdue{dst, seq});
        });
  }

  // ---- Inputs.

  bool InputsLeft() const {
    return next_input_ < static_cast<std::size_t>(run_.inputs_size());
  }
  bool Repaired() const { return !InputsLeft() && repaired_; }

  Time NextInputTime() const {
    if (InputsLeft()) {
      const auto input = static_cast<int>(next_input_);
      return run_.inputs(input).at_us() * kMicrosecond;
    }
    return repaired_ ? kNever : last_input_ + kBeforeRepair;
  }

  void TakeInput() {
    if (!InputsLeft()) return Repair();
    last_input_ = now_;
    const auto place = static_cast<int>(next_input_++);
    const v1::SimulationInput& input = run_.inputs(place);
    if (input.has_gate()) {
      armed_.push_back(place);
    } else {
      Make(input);
    }
  }

  // Whether an input waited for the event that stands there.
  bool TakeInputAtGate(const World::Standing& standing) {
    const World::Pending& pending = world_.pending()[standing.move.place];
    const std::string gate = world_.GateOf(pending);
    if (gate.empty()) return false;
    const bool at_coordinator = pending.lane.to_coordinator();
    const auto found =
        std::find_if(armed_.begin(), armed_.end(), [&](int place) {
          const v1::GateAt& at = run_.inputs(place).gate();
          return at.gate() == gate && at.has_cpu() != at_coordinator &&
                 (at_coordinator || at.cpu() == pending.lane.to);
        });
    if (found == armed_.end()) return false;
    const int place = *found;
    armed_.erase(found);
    last_input_ = now_;
    Make(run_.inputs(place));
    return true;
  }

  void Make(const v1::SimulationInput& input) {
    moved_ = true;
    // By its time, not its place: so it is the same when others are left out.
    Random chance(run_.seed() ^ Mix(input.at_us()));
    const Choose choose = [&](std::uint64_t bound) {
      return chance.Below(bound);
    };
    using Input = v1::SimulationInput;
    switch (input.input_case()) {
      case Input::kOffline:
        return AskFor(kernel::OpKind::kOffline, input.offline());
      case Input::kOnline:
        return AskFor(kernel::OpKind::kOnline, input.online());
      case Input::kBlockIo:
        for (std::uint32_t i = 0; i < input.block_io().count(); ++i) {
          world_.DeviceIrq(input.block_io().on(), input.block_io().submitter());
        }
        return;
      case Input::kCall:
        for (std::uint32_t i = 0; i < input.call().count(); ++i) {
          world_.Call(input.call().from(), input.call().cpu(),
                      input.call().wait());
        }
        return;
      case Input::kCallMany:
        world_.CallMany(input.call_many().from(),
                        kernel::ParseCpuList(input.call_many().cpus()).value(),
                        input.call_many().wait());
        return;
      case Input::kStopMachine:
        world_.Ask(
            {.kind = kernel::OpKind::kStop,
             .active = kernel::ParseCpuList(input.stop_machine()).value(),
             .func = "nop"});
        return;
      default:
        MakeFault(input, choose);
    }
  }

  void AskFor(kernel::OpKind kind, const v1::Hotplug& hotplug) {
    kernel::Request request{.kind = kind, .cpu = {hotplug.cpu()}};
    if (hotplug.has_on()) request.control = kernel::CpuId{hotplug.on()};
    world_.Ask(std::move(request));
  }

  void MakeFault(const v1::SimulationInput& input, const Choose& choose) {
    using Input = v1::SimulationInput;
    switch (input.input_case()) {
      case Input::kKill:
        return Kill(input.kill(), choose);
      case Input::kRestart:
        return Restart(input.restart());
      case Input::kPause:
        paused_[input.pause().cpu()] = now_ + input.pause().us() * kMicrosecond;
        return CountFault("process paused");
      case Input::kKillCoordinator:
        return KillCoordinator(choose);
      case Input::kRestartCoordinator:
        return RestartCoordinator();
      case Input::kBreakData:
        return BreakData(input.break_data(), choose);
      case Input::kBreakControl:
        CountFault("control link broken");
        return Make(
            {MachineFault::Kind::kBreakControl, input.break_control()},
            [&] { world_.BreakControl(input.break_control(), choose); });
      case Input::kPartition:
        cuts_.push_back({kernel::ParseCpuList(input.partition().cpus()).value(),
                         now_ + input.partition().us() * kMicrosecond});
        return CountFault("network cut");
      case Input::kDoorbell:
        ring_faults_[{input.doorbell().from(), input.doorbell().to()}] =
            input.doorbell();
        return;
      default:
        return;
    }
  }

  void Kill(std::uint32_t cpu, const Choose& choose) {
    if (!world_.alive(cpu)) return;
    CountFault("process killed");
    referee_.Forget(cpu);
    Make({MachineFault::Kind::kKill, cpu}, [&] { world_.Crash(cpu, choose); });
  }

  void Restart(std::uint32_t cpu) {
    if (world_.alive(cpu)) return;
    Make({MachineFault::Kind::kRestart, cpu}, [&] { world_.Restart(cpu); });
  }

  void KillCoordinator(const Choose& choose) {
    if (!world_.coordinator_up()) return;
    CountFault("coordinator killed");
    Make({MachineFault::Kind::kKillCoordinator}, [&] {
      Happenings happenings;
      world_.CrashCoordinator(choose, happenings);
      See(happenings);
    });
  }

  void RestartCoordinator() {
    if (world_.coordinator_up()) return;
    recovery_timeout_ = now_ + kWatchPeriod;
    Make({MachineFault::Kind::kRestartCoordinator},
         [&] { world_.RestartCoordinator(); });
  }

  void BreakData(const v1::DataLink& link, const Choose& choose) {
    CountFault("data link broken");
    Make({MachineFault::Kind::kBreakData, link.from(), link.to()},
         [&] { world_.BreakData(link.from(), link.to(), choose); });
  }

  // What is dead is started again; cuts and pauses end by themselves.
  void Repair() {
    repaired_ = true;
    last_input_ = now_;
    armed_.clear();
    ring_faults_.clear();
    for (std::uint32_t cpu = 0; cpu < run_.cpus() && !stop_; ++cpu) {
      Restart(cpu);
    }
    if (!stop_) RestartCoordinator();
  }

  // Who asked to see the moves is told of a fault what it loses: so it is made
  // here first.
  void Make(const MachineFault& fault, const std::function<void()>& make) {
    if (!options_.before_move) return make();
    const World before = world_;
    make();
    Show(before, {.kind = SimulatedMove::Kind::kFault,
                  .fault = fault,
                  .after = &world_});
  }

  // ---- Judging.

  void Judge() {
    const std::uint32_t stride =
        std::max<std::uint32_t>(1, run_.cpus() / kJudgedAlways);
    if (++unjudged_ < stride) return;
    JudgeNow();
  }

  void JudgeNow() {
    unjudged_ = 0;
    referee_.Record(
        world_, [this] { return When(); }, /*at_rest=*/false);
    stop_ = options_.stop_at_violation && !referee_.violated().empty();
  }

  void JudgeEnd() {
    referee_.Record(
        world_, [] { return "at the end"; }, /*at_rest=*/true);
  }

  std::string When() const {
    return absl::StrFormat("at %.3f ms", static_cast<double>(now_) / 1e6);
  }

  const v1::Simulation& run_;
  const Latencies& latencies_;
  const SimulateOptions& options_;

  Time now_ = 0;
  Time last_input_ = 0;
  Time next_watch_ = kWatchPeriod;
  Time recovery_timeout_ = kNever;
  std::uint64_t pushed_ = 0;
  std::priority_queue<Due> due_;
  std::map<Lane, LaneClock> lanes_;
  // By CPU: the round whose window it opened last, and when.
  std::map<kernel::CpuId, std::pair<kernel::Generation, Time>> windows_;

  std::size_t next_input_ = 0;
  // Inputs that wait for their gates.
  std::vector<int> armed_;
  bool repaired_ = false;

  std::map<std::uint32_t, Time> paused_;
  std::vector<Cut> cuts_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, v1::DoorbellFault>
      ring_faults_;

  std::set<CallName> watched_;
  bool moved_ = false;
  int quiet_watches_ = 0;
  std::uint32_t unjudged_ = 0;
  bool stop_ = false;

  Referee referee_;
  Simulated result_;
  // Last: it posts while it is made.
  World world_;
};

}  // namespace

Simulated Simulate(const v1::Simulation& run, const Latencies& latencies,
                   const SimulateOptions& options) {
  return Simulation(run, latencies, options).Run();
}

std::string FingerprintOf(const std::vector<v1::TraceEvent>& events) {
  v1::TraceReport trace;
  trace.mutable_events()->Assign(events.begin(), events.end());
  const Digest digest = DigestOf(trace::WriteBelfryTrace(trace));
  return absl::StrFormat("%016x%016x", digest.high, digest.low);
}

}  // namespace belfry::lab
