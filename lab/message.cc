#include "lab/message.h"

#include "absl/strings/str_cat.h"

namespace belfry::lab {
namespace {

using namespace kernel;  // NOLINT: this file is about little else.

// Between CPUs: who, whom, and for which call.
std::string OnLink(absl::string_view what, const Lane& lane, Seq seq) {
  return absl::StrCat(what, " ", lane.from, "->", lane.to, " #", seq);
}

std::string At(absl::string_view what, const Lane& lane) {
  return absl::StrCat(what, " ", lane.to);
}

// Of each kind of event: its words. `lane` is the one it travels.
struct Words {
  const Lane& lane;

  std::string operator()(const Call& e) const {
    return absl::StrCat("task ", lane.to, " calls ", e.dst.value);
  }
  std::string operator()(const Expire& e) const {
    return absl::StrCat(At("expire", lane), " ", e.token);
  }
  std::string operator()(const Retry&) const { return At("retry", lane); }
  std::string operator()(const DeviceIrq& e) const {
    return absl::StrCat(At("io", lane), " for ", e.submitter.value);
  }
  std::string operator()(const Enqueue& e) const {
    return OnLink("call", lane, e.csd.key.seq);
  }
  std::string operator()(const Confirmed& e) const {
    return OnLink("confirmed", lane, e.through);
  }
  std::string operator()(const Enqueued& e) const {
    return OnLink("queued", lane, e.seq);
  }
  std::string operator()(const Done& e) const {
    return OnLink("done", lane, e.seq);
  }
  std::string operator()(const Doorbell& e) const {
    return OnLink("doorbell", lane, e.key.seq);
  }
  std::string operator()(const Latched& e) const {
    return OnLink("latched", lane, e.seq);
  }
  std::string operator()(const OperatorKick&) const { return At("kick", lane); }
  std::string operator()(const LinkUp& e) const {
    return absl::StrCat(At("link_up", lane), " ", e.peer.value,
                        e.inbound ? " in" : " out");
  }
  std::string operator()(const IrqEntry&) const {
    return At("irq_entry", lane);
  }
  std::string operator()(const FunctionReturned&) const {
    return At("return", lane);
  }
  std::string operator()(const RunStep& e) const {
    return absl::StrCat(At("step", lane), " ", e.step);
  }
  std::string operator()(const Overdue& e) const {
    return absl::StrCat("overdue ", lane.to, "->", e.dst.value, " #", e.seq);
  }
  std::string operator()(const CoordinatorLost&) const {
    return At("coordinator_lost", lane);
  }
  std::string operator()(const StopPublish& e) const {
    return absl::StrCat(At("state", lane), " ", MultiStopStateName(e.state));
  }
  std::string operator()(const StopAbort&) const { return At("abort", lane); }
  std::string operator()(const WalkSteps& e) const {
    return absl::StrCat(At("walk", lane), " from ", e.from, " to ", e.to);
  }
  std::string operator()(const Kick&) const { return At("reset", lane); }
  std::string operator()(const BringOnline&) const {
    return At("starting", lane);
  }
  std::string operator()(const SetView& e) const {
    return absl::StrCat(At("view", lane), " ", e.view.number);
  }
  std::string operator()(const PeerIs& e) const {
    return absl::StrCat(At("peer_is", lane), " ", e.cpu.value);
  }
  std::string operator()(const PeerGone& e) const {
    return absl::StrCat(At("peer_gone", lane), " ", e.cpu.value);
  }

  std::string operator()(const StopAck& m) const {
    return absl::StrCat("ack ", lane.from, " ", MultiStopStateName(m.state));
  }
  std::string operator()(const StepsDone& m) const {
    return absl::StrCat("walked ", lane.from, " to ", m.state);
  }
  std::string operator()(const Alive&) const {
    return absl::StrCat("alive ", lane.from);
  }
  std::string operator()(const StartingDone&) const {
    return absl::StrCat("started ", lane.from);
  }
  std::string operator()(const ViewAck& m) const {
    return absl::StrCat("view_ack ", lane.from, " ", m.number);
  }
  std::string operator()(const Dead&) const {
    return absl::StrCat("dead ", lane.from);
  }

  std::string operator()(const Request& e) const {
    return absl::StrCat("request ", OpKindName(e.kind), " ", e.cpu.value);
  }
  std::string operator()(const CancelOp& e) const {
    return absl::StrCat("cancel ", e.id.value);
  }
  std::string operator()(const Attached& e) const {
    return absl::StrCat("attached ", e.cpu.value);
  }
  std::string operator()(const ProcessLost& e) const {
    return absl::StrCat("lost ", e.cpu.value);
  }
  std::string operator()(const FromCpuEvent& e) const {
    return std::visit(*this, e.message);
  }
  std::string operator()(const Journaled& e) const {
    return absl::StrCat("journal ", LegName(e.leg));
  }
  std::string operator()(const PublishState& e) const {
    return absl::StrCat("publish ", MultiStopStateName(e.state));
  }
  std::string operator()(const HandoffTimeout& e) const {
    return absl::StrCat("handoff_timeout ", LegName(e.leg));
  }
  std::string operator()(const RecoveryTimeout&) const {
    return "recovery_timeout";
  }
};

}  // namespace

std::string MessageText(const Lane& lane, const Message& message) {
  if (lane.kind == Lane::Kind::kAttach) {
    return absl::StrCat("attach ", lane.from);
  }
  return std::visit(
      [&](const auto& event) { return std::visit(Words{lane}, event); },
      message.event);
}

}  // namespace belfry::lab
