// Callers and clients that do what no program of ours does: links that do not
// keep to the protocol, or of dead processes, and requests without end.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "belfry/v1/node.grpc.pb.h"
#include "rpc/channel.h"
#include "rpc/status.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

// A link to one CPU.
class Caller {
 public:
  explicit Caller(const v1::CpuInfo& cpu)
      : callee_(cpu),
        stub_(v1::CpuService::NewStub(rpc::OpenChannel(cpu.address()))) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    stream_ = stub_->Link(&context_);
  }

  // As process `incarnation` of CPU `cpu`.
  void Greet(std::uint32_t cpu, std::uint64_t incarnation) {
    v1::LinkRequest request;
    v1::LinkRequest::Hello& hello = *request.mutable_hello();
    hello.set_src_cpu(cpu);
    hello.set_src_incarnation(incarnation);
    hello.set_cpu(callee_.cpu());
    hello.set_incarnation(callee_.incarnation());
    stream_->Write(request);
  }
  // Until the callee ends the link: why.
  std::string Reason() {
    v1::LinkResponse response;
    while (stream_->Read(&response)) {
    }
    return rpc::ReasonOf(stream_->Finish());
  }

 private:
  const v1::CpuInfo callee_;
  std::unique_ptr<v1::CpuService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::LinkRequest, v1::LinkResponse>>
      stream_;
};

TEST(LinkTest, ASecondHelloIsRefused) {
  const Cluster cluster({.cpus = 3});
  const v1::CpuInfo callee = cluster.Cpu(1);
  {
    Caller caller(callee);
    caller.Greet(5, 1);
    caller.Greet(6, 1);
    EXPECT_EQ(caller.Reason(), "SECOND_HELLO");
  }
  // Nothing is left of either: the next of CPU 5 takes nobody's place.
  Caller(callee).Greet(5, 2);
  EXPECT_EQ(cluster.Cpu(1).incarnation(), callee.incarnation());
  cluster.ExpectAllCallsWork();
}

TEST(LinkTest, AHelloOfNobodyIsRefused) {
  const Cluster cluster({.cpus = 2});
  Caller nobody(cluster.Cpu(1));
  nobody.Greet(0, 0);
  EXPECT_EQ(nobody.Reason(), "NO_SUCH_CPU");
  Caller beyond(cluster.Cpu(1));
  beyond.Greet(1U << 20, 1);
  EXPECT_EQ(beyond.Reason(), "NO_SUCH_CPU");
  cluster.ExpectAllCallsWork();
}

// It may not have heard yet that it was declared dead, and calls on.
TEST(LinkTest, AnEarlierProcessTakesNothingFromItsSuccessor) {
  const Cluster cluster({.cpus = 3});
  cluster.ExpectAllCallsWork();
  Caller dead(cluster.Cpu(1));
  dead.Greet(2, cluster.Cpu(2).incarnation() - 1);
  EXPECT_EQ(dead.Reason(), "STALE_INCARNATION");
  cluster.ExpectAllCallsWork();
}

// Requests for stop_two_cpus() with payloads of a MiB, to one node.
class Stoppers {
 public:
  explicit Stoppers(const std::string& address)
      : stub_(v1::CpuService::NewStub(rpc::OpenChannel(address))) {}
  ~Stoppers() {
    for (const auto& call : calls_) call->context.TryCancel();
    cq_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (cq_.Next(&tag, &ok)) {
    }
  }

  void Ask(std::uint32_t a, std::uint32_t b) {
    v1::StopTwoRequest request;
    request.set_a(a);
    request.set_b(b);
    request.set_function("nop");
    request.set_payload(std::string(1 << 20, 'x'));
    Call& call = *calls_.emplace_back(std::make_unique<Call>());
    call.context.set_deadline(std::chrono::system_clock::now() + kPatience);
    call.reader = stub_->AsyncStopTwo(&call.context, request, &cq_);
    call.reader->Finish(&call.response, &call.status, &call);
  }
  // Of the first that is answered: why it is refused.
  std::string FirstReason() {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(cq_.Next(&tag, &ok));
    return rpc::ReasonOf(static_cast<Call*>(tag)->status);
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::StopTwoResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::StopTwoResponse>>
        reader;
  };

  std::unique_ptr<v1::CpuService::Stub> stub_;
  std::vector<std::unique_ptr<Call>> calls_;
  grpc::CompletionQueue cq_;
};

TEST(StopTwoRequestTest, PayloadsUnderWayAreBounded) {
  const Cluster cluster({.cpus = 3});
  cluster.ExpectAllCallsWork();
  const pid_t paused = cluster.Pid("cpu/2");
  kill(paused, SIGSTOP);
  {
    Stoppers stoppers(cluster.Address("cpu/0"));
    for (int i = 0; i <= 64; ++i) stoppers.Ask(1, 2);
    EXPECT_EQ(stoppers.FirstReason(), "ENOBUFS");
  }
  kill(paused, SIGCONT);
  cluster.ExpectAllCallsWork();
}

}  // namespace
}  // namespace belfry::e2e
