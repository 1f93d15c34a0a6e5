#include "node/links.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "rpc/channel.h"
#include "rpc/log.h"
#include "rpc/status.h"
#include "rpc/stop_two_codec.h"
#include "rpc/stream.h"

namespace belfry::node {
namespace {

using kernel::CpuId;

// A frame takes what has gathered, up to so much.
constexpr int kFrameCallsMax = 1024;
constexpr std::size_t kFrameBytesMax = 4 << 20;

constexpr std::chrono::milliseconds kReopenFirst{20};
constexpr std::chrono::milliseconds kReopenMax{1000};

// What the coordinator has told the CPU already is no news of its peer, and
// nobody waits at a gate for it.
bool Knows(const kernel::Cpu& cpu, CpuId id, kernel::Incarnation incarnation) {
  const auto peer = cpu.peers().find(id);
  const bool gone = peer != cpu.peers().end() && peer->second.gone;
  return cpu.IncarnationOf(id) == incarnation && !gone;
}

}  // namespace

// Our calls to one CPU.
class OutLink : public rpc::StreamUser<v1::LinkResponse, v1::LinkRequest> {
 public:
  using Stream = rpc::ClientStream<v1::LinkRequest, v1::LinkResponse>;

  OutLink(Links* links, const v1::Peer& peer)
      : links_(links),
        peer_(peer),
        stub_(v1::CpuService::NewStub(rpc::OpenChannel(peer.address()))),
        stream_(std::make_shared<Stream>(this)) {
    const auto broken = links->broken_.find(cpu());
    again_ = broken != links->broken_.end() && broken->second == incarnation();
    stream_->Start([this](grpc::ClientContext* context) {
      return stub_->PrepareAsyncLink(context, links_->loop_->cq());
    });
  }

  ~OutLink() override { stream_->Abandon(); }

  bool open() const { return open_; }
  std::uint64_t incarnation() const { return peer_.incarnation(); }
  bool TestAndSetIdle() { return std::exchange(idle_, true); }

  // Before the CPU is told of the link nothing is gathered: then it sends all
  // again.
  void OnTold() { told_ = true; }
  void Send(const kernel::SendEnqueue& m) {
    if (!told_) return;
    calls_.push_back(m);
    Speak();
  }
  void Send(const kernel::SendRing& m) {
    if (!open_) return;
    rings_.push_back(m.seq);
    Speak();
  }
  void Flush() {
    spoken_ = false;
    stream_->Wake();
  }
  void Send(const kernel::SendStopTwo& m) {
    if (!told_) return;
    stop_twos_.push_back(m.order);
    Speak();
  }
  void Confirm() {
    if (open_ && confirmed_ < links_->driver_->cpu().done_through(cpu())) {
      confirm_ = true;
      stream_->Wake();
    }
  }

  void OnOpen() override {
    open_ = true;
    hello_ = true;
    links_->broken_.erase(cpu());
    links_->driver_->Feed(kernel::LinkUp{.peer = cpu(), .again = again_});
  }

  bool NextMessage(v1::LinkRequest* frame) override {
    if (!hello_ && calls_.empty() && rings_.empty() && stop_twos_.empty() &&
        !confirm_) {
      return false;
    }
    const kernel::Cpu& self = links_->driver_->cpu();
    if (std::exchange(hello_, false)) {
      v1::LinkRequest::Hello* hello = frame->mutable_hello();
      hello->set_src_cpu(self.id().value);
      hello->set_src_incarnation(self.incarnation().value);
      hello->set_cpu(peer_.cpu());
      hello->set_incarnation(peer_.incarnation());
      hello->set_again(again_);
    }
    confirm_ = false;
    idle_ = false;
    PackCalls(frame);
    for (; !rings_.empty() && calls_.empty(); rings_.pop_front()) {
      frame->add_ring()->set_seq(rings_.front());
    }
    for (; !stop_twos_.empty(); stop_twos_.pop_front()) {
      *frame->add_stop_two() = rpc::ToProto(stop_twos_.front());
    }
    confirmed_ = self.done_through(cpu());
    frame->set_done_through(confirmed_);
    frame->set_lamport(links_->clock_->Tick());
    return true;
  }

  void OnMessage(v1::LinkResponse& m) override {
    CpuDriver* driver = links_->driver_;
    links_->clock_->Witness(m.lamport());
    const CpuDriver::Together frame(driver);
    for (const auto& e : m.enqueued()) {
      driver->Feed(
          kernel::Enqueued{cpu(), e.seq(), e.was_empty(), e.rung(),
                           static_cast<kernel::Errno>(e.errno_value())});
    }
    for (const auto& e : m.latched()) {
      driver->Feed(kernel::Latched{cpu(), e.seq()});
    }
    for (auto& e : *m.mutable_done()) {
      driver->Feed(kernel::Done{cpu(), e.seq(),
                                static_cast<kernel::Errno>(e.errno_value()),
                                std::move(*e.mutable_result()), e.refused()});
    }
    for (const auto& e : m.stop_two()) {
      auto report = rpc::FromProto(e, cpu());
      if (report.ok()) driver->Feed(*std::move(report));
    }
  }

  void OnClosed(const grpc::Status&) override {
    if (open_) links_->broken_[cpu()] = incarnation();
    links_->Reopen(cpu());
  }

 private:
  CpuId cpu() const { return CpuId{peer_.cpu()}; }
  void Speak() {
    if (!std::exchange(spoken_, true)) links_->spoken_out_.push_back(cpu());
  }

  // A frame is fused or not as a whole.
  void PackCalls(v1::LinkRequest* frame) {
    std::size_t bytes = 0;
    frame->set_fused(!calls_.empty() && calls_.front().fused);
    while (!calls_.empty() && frame->enqueue_size() < kFrameCallsMax &&
           bytes < kFrameBytesMax) {
      kernel::SendEnqueue& m = calls_.front();
      v1::Csd* csd = frame->add_enqueue();
      csd->set_seq(m.csd.key.seq);
      csd->set_function(links_->driver_->functions().NameOf(m.csd.func));
      bytes += m.csd.payload.size();
      csd->set_payload(std::move(m.csd.payload));
      csd->set_wait(m.csd.wait);
      csd->set_many(m.csd.many);
      calls_.pop_front();
    }
  }

  Links* links_;
  v1::Peer peer_;
  std::unique_ptr<v1::CpuService::Stub> stub_;
  std::shared_ptr<Stream> stream_;
  bool open_ = false;
  bool told_ = false;
  bool again_ = false;
  bool hello_ = false;
  bool confirm_ = false;
  bool idle_ = false;
  // Is among those to be flushed.
  bool spoken_ = false;
  kernel::Seq confirmed_ = 0;
  std::deque<kernel::SendEnqueue> calls_;
  std::deque<kernel::Seq> rings_;
  std::deque<kernel::StopTwoOrder> stop_twos_;
};

// Another CPU's calls to us. Its stream owns it.
class InLink : public rpc::StreamUser<v1::LinkRequest, v1::LinkResponse> {
 public:
  using Stream = rpc::ServerStream<v1::LinkRequest, v1::LinkResponse>;

  InLink(Links* links, Stream* stream) : links_(links), stream_(stream) {}

  // Another stream of the same source took its place, or the process ends.
  void Detach() {
    links_ = nullptr;
    stream_->Cancel();
  }

  v1::LinkResponse* pending() { return &pending_; }
  void Send(const kernel::SendDone& m) {
    done_.push_back(m);
    Speak();
  }
  void Speak() {
    if (!std::exchange(spoken_, true)) links_->spoken_in_.push_back(src_);
    dirty_ = true;
  }
  void Flush() {
    spoken_ = false;
    stream_->Wake();
  }

  void OnOpen() override {
    links_->hellos_.Await(stream_, [this] { return incarnation_ != 0; });
  }

  void OnMessage(v1::LinkRequest& m) override {
    if (links_ == nullptr) return;
    links_->clock_->Witness(m.lamport());
    const CpuDriver::Together frame(links_->driver_);
    if (m.has_hello() && !Greet(m.hello())) return;
    if (incarnation_ == 0) {
      return stream_->Close(
          rpc::ErrorStatus(grpc::StatusCode::INVALID_ARGUMENT, "NO_HELLO",
                           "the first message of a link must be a hello"));
    }
    for (v1::Csd& csd : *m.mutable_enqueue()) Enqueue(csd, m);
    links_->driver_->Feed(kernel::Confirmed{
        src_, kernel::Incarnation{incarnation_}, m.done_through()});
    for (const v1::Ring& ring : m.ring()) {
      links_->driver_->Feed(kernel::Doorbell{Key(ring.seq()), true});
    }
    for (const v1::StopTwoOrder& stop : m.stop_two()) {
      auto order = rpc::FromProto(stop, src_);
      if (order.ok()) links_->driver_->Feed(*std::move(order));
    }
  }

  bool NextMessage(v1::LinkResponse* frame) override {
    if (links_ == nullptr || !std::exchange(dirty_, false)) return false;
    frame->Swap(&pending_);
    pending_.Clear();
    PackDone(frame);
    dirty_ = !done_.empty();
    frame->set_lamport(links_->clock_->Tick());
    return true;
  }

  void OnClosed(const grpc::Status&) override {
    if (links_ == nullptr) return;
    const auto self = links_->in_.find(src_);
    if (self != links_->in_.end() && self->second == this) {
      links_->in_.erase(self);
    }
  }

 private:
  kernel::CsdKey Key(kernel::Seq seq) const {
    return {src_, kernel::Incarnation{incarnation_}, seq};
  }

  // Answers carry payloads; all else in a frame is small.
  void PackDone(v1::LinkResponse* frame) {
    std::size_t bytes = 0;
    while (!done_.empty() && frame->done_size() < kFrameCallsMax &&
           bytes < kFrameBytesMax) {
      kernel::SendDone& m = done_.front();
      auto* done = frame->add_done();
      done->set_seq(m.seq);
      done->set_errno_value(static_cast<std::int32_t>(m.error));
      done->set_refused(m.refused);
      bytes += m.result.size();
      done->set_result(std::move(m.result));
      done_.pop_front();
    }
  }

  // Why it is no greeting to us; OK where it is.
  grpc::Status CheckHello(const v1::LinkRequest::Hello& hello) const {
    const kernel::Cpu& self = links_->driver_->cpu();
    const kernel::Incarnation incarnation{hello.src_incarnation()};
    if (hello.cpu() != self.id().value ||
        hello.incarnation() != self.incarnation().value) {
      return rpc::ErrorStatus(
          grpc::StatusCode::ABORTED, "STALE_INCARNATION",
          "this process is another incarnation than the one called");
    }
    if (incarnation_ != 0) {
      return rpc::ErrorStatus(
          grpc::StatusCode::INVALID_ARGUMENT, "SECOND_HELLO",
          "only the first message of a link may be a hello");
    }
    if (hello.src_cpu() >= kernel::kMaxCpus || incarnation.value == 0) {
      return rpc::ErrorStatus(
          grpc::StatusCode::INVALID_ARGUMENT, "NO_SUCH_CPU",
          absl::StrCat("the hello is of process ", incarnation.value,
                       " of cpu ", hello.src_cpu()));
    }
    // It may go on calling for as long as it has not heard that it was declared
    // dead; the answers are its successor's.
    if (incarnation < self.IncarnationOf(CpuId{hello.src_cpu()})) {
      return rpc::ErrorStatus(
          grpc::StatusCode::ABORTED, "STALE_INCARNATION",
          absl::StrCat("cpu ", hello.src_cpu(), " has a later process"));
    }
    return grpc::Status::OK;
  }

  bool Greet(const v1::LinkRequest::Hello& hello) {
    const grpc::Status greeted = CheckHello(hello);
    if (!greeted.ok()) {
      stream_->Close(greeted);
      return false;
    }
    src_ = CpuId{hello.src_cpu()};
    incarnation_ = hello.src_incarnation();
    const auto other = links_->in_.find(src_);
    if (other != links_->in_.end()) other->second->Detach();
    links_->in_[src_] = this;
    const kernel::Incarnation incarnation{incarnation_};
    if (!Knows(links_->driver_->cpu(), src_, incarnation)) {
      links_->driver_->Feed(kernel::PeerIs{src_, incarnation});
    }
    links_->driver_->Feed(
        kernel::LinkUp{.peer = src_, .inbound = true, .again = hello.again()});
    return true;
  }

  void Enqueue(v1::Csd& csd, const v1::LinkRequest& frame) {
    Functions& functions = *links_->functions();
    const auto func = functions.Intern(csd.function());
    kernel::Enqueue event{.csd = {.key = Key(csd.seq()),
                                  .func = func.value_or(kernel::FuncId{}),
                                  .wait = csd.wait(),
                                  .many = csd.many(),
                                  .payload = std::move(*csd.mutable_payload())},
                          .fused = frame.fused()};
    if (!func || !functions.IsLinked(*func)) {
      event.refuse = kernel::Errno::kEnosys;
    }
    links_->driver_->Feed(std::move(event));
  }

  Links* links_;
  Stream* stream_;
  CpuId src_;
  std::uint64_t incarnation_ = 0;
  bool dirty_ = false;
  // Is among those to be flushed.
  bool spoken_ = false;
  v1::LinkResponse pending_;
  std::deque<kernel::SendDone> done_;
};

Links::Links(rpc::Loop* loop, rpc::LamportClock* clock, Functions* functions,
             prometheus::Registry* registry)
    : loop_(loop),
      clock_(clock),
      functions_(functions),
      hellos_(loop, registry) {}

Links::~Links() = default;

void Links::Start(CpuDriver* driver, v1::CpuService::AsyncService* service,
                  grpc::ServerCompletionQueue* cq) {
  driver_ = driver;
  InLink::Stream::Serve(
      [service, cq](grpc::ServerContext* context, InLink::Stream::Wire* wire,
                    void* tag) {
        service->RequestLink(context, wire, cq, cq, tag);
      },
      [this](InLink::Stream* stream) {
        return std::make_unique<InLink>(this, stream);
      });
}

void Links::SetPeers(const v1::Peers& peers) {
  for (const v1::Peer& peer : peers.peers()) {
    const CpuId cpu{peer.cpu()};
    v1::Peer& known = peers_[cpu];
    if (peer.incarnation() > known.incarnation()) out_.erase(cpu);
    if (peer.incarnation() >= known.incarnation()) known = peer;
    driver_->Feed(kernel::PeerIs{cpu, kernel::Incarnation{peer.incarnation()}});
    // Who has greeted us before we knew where it is may have been called.
    if (IsNeeded(cpu)) FindOrOpen(cpu);
  }
}

OutLink* Links::Find(CpuId dst) {
  const auto link = out_.find(dst);
  return link == out_.end() ? nullptr : link->second.get();
}

// A process that the CPU has not been told of is not called: what is under way
// is for the one before it.
OutLink* Links::FindOrOpen(CpuId dst) {
  const auto peer = peers_.find(dst);
  if (stopped_ || peer == peers_.end() ||
      driver_->cpu().IncarnationOf(dst).value != peer->second.incarnation()) {
    return nullptr;
  }
  std::unique_ptr<OutLink>& link = out_[dst];
  if (!link) link = std::make_unique<OutLink>(this, peer->second);
  return link.get();
}

InLink* Links::FindInbound(CpuId src) {
  const auto link = in_.find(src);
  return link == in_.end() ? nullptr : link->second;
}

// A link that broke is opened again while calls wait on it; its peer's process
// may be dead, but that is the coordinator's to say.
void Links::Reopen(CpuId dst) {
  out_.erase(dst);
  rpc::Backoff& backoff =
      reopen_.try_emplace(dst, kReopenFirst, kReopenMax).first->second;
  const auto wait = backoff.Jittered();
  backoff.Grow();
  loop_->After(wait, [this, dst] {
    if (IsNeeded(dst)) FindOrOpen(dst);
  });
}

void Links::Break(CpuId dst) {
  const auto peer = peers_.find(dst);
  if (peer == peers_.end()) return;
  out_.erase(dst);
  broken_[dst] = peer->second.incarnation();
  FindOrOpen(dst);
}

void Links::OnTold(CpuId dst) {
  if (OutLink* link = Find(dst)) link->OnTold();
}

bool Links::IsNeeded(CpuId dst) const {
  const kernel::Cpu& cpu = driver_->cpu();
  const auto peer = cpu.peers().find(dst);
  return cpu.NeedsStopperOf(dst) ||
         (peer != cpu.peers().end() && peer->second.out.size() > 0);
}

void Links::Send(const kernel::SendEnqueue& m) {
  if (OutLink* link = FindOrOpen(m.dst)) link->Send(m);
}

// The ring of a call whose link has just broken goes with the next LinkUp.
void Links::Send(const kernel::SendRing& m) {
  if (OutLink* link = FindOrOpen(m.dst)) link->Send(m);
}

void Links::Send(const kernel::SendEnqueued& m) {
  InLink* link = FindInbound(m.dst);
  if (link == nullptr) return;
  auto* e = link->pending()->add_enqueued();
  e->set_seq(m.seq);
  e->set_was_empty(m.was_empty);
  e->set_rung(m.rung);
  e->set_errno_value(static_cast<std::int32_t>(m.error));
  link->Speak();
}

void Links::Send(const kernel::SendDone& m) {
  if (InLink* link = FindInbound(m.dst)) link->Send(m);
}

void Links::Send(const kernel::SendLatched& m) {
  InLink* link = FindInbound(m.dst);
  if (link == nullptr) return;
  link->pending()->add_latched()->set_seq(m.seq);
  link->Speak();
}

void Links::Flush() {
  for (const CpuId dst : spoken_out_) {
    if (OutLink* link = Find(dst)) link->Flush();
  }
  spoken_out_.clear();
  for (const CpuId src : spoken_in_) {
    if (InLink* link = FindInbound(src)) link->Flush();
  }
  spoken_in_.clear();
}

void Links::Send(const kernel::SendStopTwo& m) {
  if (OutLink* link = FindOrOpen(m.dst)) link->Send(m);
}

// Without its link the report is asked for again on the next.
void Links::Send(const kernel::SendStopTwoReport& m) {
  InLink* link = FindInbound(m.dst);
  if (link == nullptr) return;
  *link->pending()->add_stop_two() = rpc::ToProto(m.report);
  link->Speak();
}

void Links::Tidy() {
  for (auto link = out_.begin(); link != out_.end();) {
    const bool needed = IsNeeded(link->first);
    if (link->second->open()) reopen_.erase(link->first);
    link->second->Confirm();
    if (!needed && link->second->TestAndSetIdle()) {
      link = out_.erase(link);
    } else {
      ++link;
    }
  }
}

void Links::Stop() {
  stopped_ = true;
  out_.clear();
  for (auto& [src, link] : std::exchange(in_, {})) link->Detach();
}

}  // namespace belfry::node
