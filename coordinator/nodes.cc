#include "coordinator/nodes.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "rpc/codec.h"
#include "rpc/status.h"
#include "rpc/stream.h"

namespace belfry::coordinator {
namespace {

using kernel::CpuId;
using kernel::Errno;
using kernel::Incarnation;

// A control link that broke may come back in this time; then its process is
// held for dead. A killed process is seen at once, a cut network by keepalive.
constexpr std::chrono::milliseconds kGrace{300};

// Messages to one process that wait for the wire, and introductions in one of
// them: all the others, introduced twice.
constexpr std::size_t kPendingMax = 2 * kernel::kMaxCpus;

// Introductions of this time are made together, or else the start of many
// processes would wake each of them for each that comes.
constexpr std::chrono::milliseconds kIntroductionsTime{50};

// No CPU yet: it knows nothing of itself.
bool IsFresh(const v1::NodeHello& hello) { return hello.life().empty(); }

kernel::CpuStatus StatusOf(const v1::NodeHello& hello) {
  return {.incarnation = Incarnation{hello.incarnation()},
          .life = kernel::ParseLife(hello.life()).value_or(kernel::Life::kDead),
          .view_number = hello.view_number(),
          .stop_generation = kernel::Generation{hello.stop_generation()},
          .stop_ran = hello.stop_ran(),
          .report_owed = hello.report_owed(),
          .readers = hello.readers()};
}

}  // namespace

// One node's stream. It owns this.
class NodeLink
    : public rpc::StreamUser<v1::NodeMessage, v1::CoordinatorMessage> {
 public:
  using Stream = rpc::ServerStream<v1::NodeMessage, v1::CoordinatorMessage>;

  NodeLink(Nodes* nodes, Stream* stream) : nodes_(nodes), stream_(stream) {}

  std::optional<CpuId> cpu() const { return cpu_; }
  std::uint64_t incarnation() const { return incarnation_; }
  // As it was in the hello.
  std::uint64_t drawn() const { return drawn_; }

  void Accept(CpuId cpu, std::uint64_t incarnation, std::uint64_t drawn) {
    cpu_ = cpu;
    incarnation_ = incarnation;
    drawn_ = drawn;
  }
  // A process that does not take what it is told (it stands, or its network
  // does) loses its link: the messages are repeated on the next one.
  void Send(v1::CoordinatorMessage message) {
    if (pending_.size() >= kPendingMax) return stream_->Cancel();
    pending_.push_back(std::move(message));
    stream_->Wake();
  }
  // In no hurry: nobody calls a CPU that no view has, and a view that follows
  // takes the introductions before it along. Wake() sends what is left.
  void Introduce(v1::Peer peer) {
    if (pending_.empty() || !pending_.back().has_peers()) {
      if (pending_.size() >= kPendingMax) return stream_->Cancel();
      pending_.emplace_back();
    }
    v1::Peers& peers = *pending_.back().mutable_peers();
    if (peers.peers().size() >= static_cast<int>(kPendingMax)) {
      return stream_->Cancel();
    }
    *peers.add_peers() = std::move(peer);
  }
  void Wake() { stream_->Wake(); }
  // The node comes again, or goes elsewhere.
  void Close(const grpc::Status& status) { stream_->Close(status); }
  // Another link took its place, or the process ends.
  void Drop() {
    nodes_ = nullptr;
    stream_->Cancel();
  }

  void OnOpen() override {
    nodes_->hellos_.Await(stream_, [this] { return cpu_.has_value(); });
  }

  void OnMessage(v1::NodeMessage& m) override {
    if (nodes_ == nullptr) return;
    nodes_->clock_->Witness(m.lamport());
    if (m.has_leaving()) {
      nodes_->Leave(this);
      return stream_->Close(grpc::Status::OK);
    }
    if (m.has_hello()) {
      if (!cpu_) nodes_->Attach(this, m.hello());
      return;
    }
    if (!cpu_) return;
    if (m.has_report()) {
      NodeInfo& info = nodes_->infos_[*cpu_];
      info.report = std::move(*m.mutable_report());
      info.report_time = std::chrono::system_clock::now();
      return;
    }
    auto message = rpc::FromProto(m);
    if (!message.ok()) return;
    nodes_->callbacks_.feed(kernel::FromCpuEvent{
        *cpu_, Incarnation{incarnation_}, *std::move(message)});
  }

  bool NextMessage(v1::CoordinatorMessage* message) override {
    if (pending_.empty() || nodes_ == nullptr) return false;
    *message = std::move(pending_.front());
    pending_.pop_front();
    message->set_lamport(nodes_->clock_->Tick());
    return true;
  }

  void OnClosed(const grpc::Status&) override {
    if (nodes_ != nullptr) nodes_->Detach(this);
  }

 private:
  Nodes* nodes_;
  Stream* stream_;
  std::optional<CpuId> cpu_;
  std::uint64_t incarnation_ = 0;
  std::uint64_t drawn_ = 0;
  std::deque<v1::CoordinatorMessage> pending_;
};

Nodes::Nodes(rpc::Loop* loop, rpc::LamportClock* clock, std::uint32_t possible,
             prometheus::Registry* registry, Callbacks callbacks)
    : loop_(loop),
      clock_(clock),
      possible_(possible),
      hellos_(loop, registry),
      callbacks_(std::move(callbacks)) {}

Nodes::~Nodes() = default;

void Nodes::Serve(v1::CoordinatorService::AsyncService* service,
                  grpc::ServerCompletionQueue* cq) {
  NodeLink::Stream::Serve(
      [service, cq](grpc::ServerContext* context, NodeLink::Stream::Wire* wire,
                    void* tag) {
        service->RequestAttach(context, wire, cq, cq, tag);
      },
      [this](NodeLink::Stream* stream) {
        return std::make_unique<NodeLink>(this, stream);
      });
}

// The number that a process gets, or why it gets none.
absl::StatusOr<CpuId> Nodes::Claim(const v1::NodeHello& hello) const {
  // Views are journaled before anybody hears of them: it is of another machine,
  // or the journal of its machine is gone.
  if (hello.view_number() > callbacks_.view_number()) {
    return absl::AbortedError(
        absl::StrCat("this process knows view ", hello.view_number(),
                     ", and the coordinator's journal only reaches to view ",
                     callbacks_.view_number(), "; start a new one"));
  }
  if (!hello.has_cpu()) {
    return callbacks_.number_for(Incarnation{hello.incarnation()});
  }
  const CpuId cpu{hello.cpu()};
  if (cpu.value >= possible_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cpu ", cpu.value, " is out of range; there are 0-", possible_ - 1));
  }
  const bool fenced =
      hello.incarnation() <= FenceOf(cpu).value ||
      hello.incarnation() < callbacks_.incarnation_of(cpu).value;
  if (!IsFresh(hello) && fenced) {
    return absl::AbortedError(
        absl::StrCat("cpu ", cpu.value,
                     ": this process was declared dead; start a new one"));
  }
  const auto link = links_.find(cpu);
  if (link != links_.end() &&
      (IsFresh(hello) ? link->second->drawn() : link->second->incarnation()) !=
          hello.incarnation()) {
    return absl::AlreadyExistsError(absl::StrCat(
        "cpu ", cpu.value, " is taken by process ", infos_.at(cpu).hello.pid(),
        " at ", infos_.at(cpu).hello.address()));
  }
  return cpu;
}

kernel::Incarnation Nodes::FenceOf(CpuId cpu) const {
  const auto fence = fenced_.find(cpu);
  return fence == fenced_.end() ? Incarnation{} : fence->second;
}

// Incarnations are drawn from clocks, and these can be set back.
std::uint64_t Nodes::IncarnationFor(CpuId cpu,
                                    const v1::NodeHello& hello) const {
  if (!IsFresh(hello)) return hello.incarnation();
  return std::max({hello.incarnation(), FenceOf(cpu).value + 1,
                   callbacks_.incarnation_of(cpu).value + 1});
}

void Nodes::Attach(NodeLink* link, const v1::NodeHello& hello) {
  const grpc::Status leads = callbacks_.check_leads();
  if (!leads.ok()) return link->Close(leads);
  const auto cpu = Claim(hello);
  if (absl::IsUnavailable(cpu.status())) {
    return link->Close(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                                    std::string(cpu.status().message())));
  }
  if (!cpu.ok()) {
    callbacks_.on_rejected(cpu.status());
    callbacks_.say(
        rpc::Level::kWarning,
        absl::StrCat("process ", hello.pid(), " at ", hello.address(),
                     " is turned away: ", std::string(cpu.status().message())));
    v1::CoordinatorMessage message;
    message.mutable_rejected()->set_errno_name(
        std::string(kernel::ErrnoName(Errno::kEbusy)));
    message.mutable_rejected()->set_message(
        std::string(cpu.status().message()));
    if (absl::IsInvalidArgument(cpu.status())) {
      message.mutable_rejected()->set_errno_name(
          std::string(kernel::ErrnoName(Errno::kEinval)));
    }
    return link->Send(std::move(message));
  }
  const auto other = links_.find(*cpu);
  if (other != links_.end()) other->second->Drop();
  links_[*cpu] = link;
  const std::uint64_t incarnation = IncarnationFor(*cpu, hello);
  link->Accept(*cpu, incarnation, hello.incarnation());
  infos_[*cpu].hello = hello;
  callbacks_.say(rpc::Level::kInfo,
                 absl::StrCat("cpu/", cpu->value, " attached: process ",
                              hello.pid(), " at ", hello.address()));
  callbacks_.on_claimed(*cpu, Incarnation{incarnation});
  v1::CoordinatorMessage welcome;
  *welcome.mutable_welcome() = callbacks_.welcome(*cpu);
  welcome.mutable_welcome()->set_incarnation(incarnation);
  link->Send(std::move(welcome));
  kernel::CpuStatus status = StatusOf(hello);
  status.incarnation = Incarnation{incarnation};
  callbacks_.feed(kernel::Attached{*cpu, status});
}

bool Nodes::Remove(const NodeLink* link) {
  if (!link->cpu()) return false;
  const auto current = links_.find(*link->cpu());
  if (current == links_.end() || current->second != link) return false;
  links_.erase(current);
  return true;
}

void Nodes::Detach(const NodeLink* link) {
  if (!Remove(link)) return;
  const CpuId cpu = *link->cpu();
  // Each break has its own grace, however soon after another it comes.
  const std::uint64_t number = ++breaks_[cpu];
  loop_->After(kGrace, [this, cpu, number, incarnation = link->incarnation()] {
    if (stopped_ || links_.contains(cpu) || breaks_[cpu] != number) return;
    callbacks_.say(rpc::Level::kWarning,
                   absl::StrCat("cpu/", cpu.value, ": its process ",
                                infos_[cpu].hello.pid(), " is gone"));
    callbacks_.feed(kernel::ProcessLost{cpu, Incarnation{incarnation}});
  });
}

void Nodes::Leave(const NodeLink* link) {
  if (!Remove(link)) return;
  const CpuId cpu = *link->cpu();
  callbacks_.say(rpc::Level::kInfo,
                 absl::StrCat("cpu/", cpu.value, ": its process ",
                              infos_[cpu].hello.pid(), " has left"));
  callbacks_.feed(kernel::ProcessLost{cpu, Incarnation{link->incarnation()}});
}

bool Nodes::Bury(const kernel::ProcessLost& lost) {
  const auto link = links_.find(lost.cpu);
  if (link != links_.end() &&
      link->second->incarnation() == lost.incarnation.value) {
    return false;
  }
  Incarnation& fence = fenced_[lost.cpu];
  fence = std::max(fence, lost.incarnation);
  return true;
}

// The CPU may have a new process already that the machine has not been told of.
void Nodes::Send(CpuId cpu, Incarnation incarnation,
                 const kernel::ToCpu& message) {
  const auto link = links_.find(cpu);
  if (link == links_.end() ||
      link->second->incarnation() != incarnation.value) {
    return;
  }
  if (const auto* peer = std::get_if<kernel::PeerIs>(&message)) {
    v1::Peer introduced;
    introduced.set_cpu(peer->cpu.value);
    introduced.set_incarnation(peer->incarnation.value);
    introduced.set_address(infos_[peer->cpu].hello.address());
    link->second->Introduce(std::move(introduced));
    return IntroduceSoon();
  }
  link->second->Send(rpc::ToProto(message));
}

void Nodes::IntroduceSoon() {
  if (std::exchange(introducing_, true)) return;
  loop_->After(kIntroductionsTime, [this] {
    introducing_ = false;
    for (const auto& [cpu, link] : links_) link->Wake();
  });
}

void Nodes::SetCanary(CpuId cpu, std::chrono::nanoseconds lifetime) {
  const auto link = links_.find(cpu);
  if (link == links_.end()) return;
  v1::CoordinatorMessage message;
  *message.mutable_set_canary()->mutable_lifetime() = rpc::ToDuration(lifetime);
  link->second->Send(std::move(message));
}

void Nodes::Beat() {
  for (const auto& [cpu, link] : links_) {
    v1::CoordinatorMessage message;
    message.mutable_beat();
    link->Send(std::move(message));
  }
}

const NodeInfo* Nodes::Find(CpuId cpu) const {
  const auto info = infos_.find(cpu);
  return info == infos_.end() ? nullptr : &info->second;
}

void Nodes::Stop() {
  stopped_ = true;
  for (auto& [cpu, link] : std::exchange(links_, {})) link->Drop();
}

}  // namespace belfry::coordinator
