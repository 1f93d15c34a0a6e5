#include "kernel/event_text.h"

#include "absl/strings/str_cat.h"

namespace belfry::kernel {
namespace {

// Between CPUs: who, whom, and for which call.
std::string OnLink(absl::string_view what, CpuId from, CpuId to, Seq seq) {
  return absl::StrCat(what, " ", from.value, "->", to.value, " #", seq);
}

// "stop_two lock 3->1 of 3#1".
std::string OfStopTwo(absl::string_view what, absl::string_view verb,
                      CpuId from, CpuId to, const StopTwoKey& key) {
  return absl::StrCat(what, " ", verb, " ", from.value, "->", to.value, " of ",
                      key.src.value, "#", key.seq);
}

absl::string_view WordOf(StopTwoVerb verb, MultiStopState state) {
  return verb == StopTwoVerb::kPublish ? MultiStopStateName(state)
                                       : StopTwoVerbName(verb);
}

std::string Of(absl::string_view what, CpuId cpu) {
  return absl::StrCat(what, " ", cpu.value);
}

// Of each kind of event at a CPU: its words.
struct CpuWords {
  CpuId at;

  std::string operator()(const Call& e) const {
    return absl::StrCat("task ", at.value, " calls ", e.dst.value);
  }
  std::string operator()(const CallMany& e) const {
    return absl::StrCat("task ", at.value, " calls ", FormatCpuList(e.cpus));
  }
  std::string operator()(const StopTwoTask& e) const {
    return absl::StrCat("task ", at.value, " stops ", e.a.value, " and ",
                        e.b.value);
  }
  std::string operator()(const StopTwoOrder& e) const {
    return OfStopTwo("stop_two", WordOf(e.verb, e.state), e.from, at, e.key);
  }
  std::string operator()(const StopTwoReport& e) const {
    return OfStopTwo("stop_two_done", WordOf(e.verb, e.state), e.from, at,
                     e.key);
  }
  std::string operator()(const Expire& e) const {
    return absl::StrCat(Of("expire", at), " ", e.token);
  }
  std::string operator()(const Retry&) const { return Of("retry", at); }
  std::string operator()(const DeviceIrq& e) const {
    if (!e.calls.empty()) {
      return absl::StrCat(Of("irq", at), " calls ", FormatCpuList(e.calls));
    }
    return absl::StrCat(Of("io", at), " for ", e.submitter.value);
  }
  std::string operator()(const Enqueue& e) const {
    return OnLink("call", e.csd.key.src, at, e.csd.key.seq);
  }
  std::string operator()(const Confirmed& e) const {
    return OnLink("confirmed", e.from, at, e.through);
  }
  std::string operator()(const Enqueued& e) const {
    return OnLink("queued", e.from, at, e.seq);
  }
  std::string operator()(const Done& e) const {
    return OnLink("done", e.from, at, e.seq);
  }
  std::string operator()(const Doorbell& e) const {
    return OnLink("doorbell", e.key.src, at, e.key.seq);
  }
  std::string operator()(const Latched& e) const {
    return OnLink("latched", e.from, at, e.seq);
  }
  std::string operator()(const OperatorKick&) const { return Of("kick", at); }
  std::string operator()(const LinkUp& e) const {
    return absl::StrCat(Of("link_up", at), " ", e.peer.value,
                        e.inbound ? " in" : " out");
  }
  std::string operator()(const IrqEntry&) const { return Of("irq_entry", at); }
  std::string operator()(const IdleExit&) const { return Of("idle_exit", at); }
  std::string operator()(const FunctionReturned&) const {
    return Of("return", at);
  }
  std::string operator()(const RunStep& e) const {
    return absl::StrCat(Of("step", at), " ", e.step);
  }
  std::string operator()(const StopperRuns&) const { return Of("stopper", at); }
  std::string operator()(const LeaseOver&) const {
    return Of("lease_over", at);
  }
  std::string operator()(const WindowIs& e) const {
    return Of(e.open ? "window_open" : "window_over", at);
  }
  std::string operator()(const RunStage& e) const {
    return Of(OfflineStageName(e.stage), at);
  }
  std::string operator()(const Overdue& e) const {
    return absl::StrCat("overdue ", at.value, "->", e.dst.value, " #", e.seq);
  }
  std::string operator()(const CoordinatorLost&) const {
    return Of("coordinator_lost", at);
  }
  std::string operator()(const StopPublish& e) const {
    return absl::StrCat(Of("state", at), " ", MultiStopStateName(e.state));
  }
  std::string operator()(const StopAbort&) const { return Of("abort", at); }
  std::string operator()(const WalkSteps& e) const {
    return absl::StrCat(Of("walk", at), " from ", e.from, " to ", e.to);
  }
  std::string operator()(const Kick&) const { return Of("reset", at); }
  std::string operator()(const BringOnline&) const {
    return Of("starting", at);
  }
  std::string operator()(const SetView& e) const {
    return absl::StrCat(Of("view", at), " ", e.view.number);
  }
  std::string operator()(const PeerIs& e) const {
    return absl::StrCat(Of("peer_is", at), " ", e.cpu.value);
  }
  std::string operator()(const PeerGone& e) const {
    return absl::StrCat(Of("peer_gone", at), " ", e.cpu.value);
  }
  std::string operator()(const ArmTimer& e) const {
    return absl::StrCat(Of("arm_timer", at), " for ", e.wakes.value);
  }
  std::string operator()(const Throttle&) const { return Of("throttle", at); }
  std::string operator()(const ExpireTimers&) const { return Of("timers", at); }
  std::string operator()(const ReadLock&) const { return Of("read_lock", at); }
  std::string operator()(const ReadUnlock&) const {
    return Of("read_unlock", at);
  }
  std::string operator()(const ReadersGranted& e) const {
    return absl::StrCat(Of("granted", at), " ", e.count);
  }
  std::string operator()(const PowerOff&) const { return Of("power_off", at); }
};

// What a CPU reports.
struct ReportWords {
  CpuId from;

  std::string operator()(const StopAck& m) const {
    return absl::StrCat(m.refused ? "refuse " : "ack ", from.value, " ",
                        MultiStopStateName(m.state));
  }
  std::string operator()(const StopAborted& m) const {
    return absl::StrCat(Of("aborted", from), m.ran ? " and had run" : "");
  }
  std::string operator()(const StepsDone& m) const {
    return absl::StrCat("walked ", from.value, " to ", m.state);
  }
  std::string operator()(const Alive&) const { return Of("alive", from); }
  std::string operator()(const StartingDone&) const {
    return Of("started", from);
  }
  std::string operator()(const ViewAck& m) const {
    return absl::StrCat("view_ack ", from.value, " ", m.number);
  }
  std::string operator()(const Readers& m) const {
    return absl::StrCat("readers ", from.value, " ", m.count);
  }
  std::string operator()(const Dead& m) const {
    return Of(m.report_owed ? "announced" : "dead", from);
  }
};

struct CoordinatorWords {
  std::string operator()(const Request& e) const {
    return absl::StrCat("request ", OpKindName(e.kind), " ", e.cpu.value);
  }
  std::string operator()(const CancelOp& e) const {
    return absl::StrCat("cancel ", e.id.value);
  }
  std::string operator()(const Attached& e) const {
    return Of("attached", e.cpu);
  }
  std::string operator()(const ProcessLost& e) const {
    return Of("lost", e.cpu);
  }
  std::string operator()(const FromCpuEvent& e) const {
    return std::visit(ReportWords{e.cpu}, e.message);
  }
  std::string operator()(const Journaled& e) const {
    return absl::StrCat("journal ", LegName(e.leg));
  }
  std::string operator()(const PublishState& e) const {
    return absl::StrCat("publish ", MultiStopStateName(e.state));
  }
  std::string operator()(const StopTick&) const { return "stop_tick"; }
  std::string operator()(const SleepOnLock& e) const {
    return absl::StrCat("lock_sleep ", e.op.value);
  }
  std::string operator()(const HandoffTimeout& e) const {
    return absl::StrCat("handoff_timeout ", LegName(e.leg));
  }
  std::string operator()(const RecoveryTimeout&) const {
    return "recovery_timeout";
  }
};

}  // namespace

std::string EventText(const CpuEvent& event, CpuId at) {
  return std::visit(CpuWords{at}, event);
}

std::string EventText(const CoordinatorEvent& event) {
  return std::visit(CoordinatorWords{}, event);
}

}  // namespace belfry::kernel
