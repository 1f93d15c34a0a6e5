#include "rpc/hello.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "belfry/v1/node.grpc.pb.h"
#include "rpc/server.h"
#include "rpc/stream.h"

namespace belfry::rpc {
namespace {

using Service = v1::CpuService;
using InStream = ServerStream<v1::LinkRequest, v1::LinkResponse>;
using OutStream = grpc::ClientReaderWriter<v1::LinkRequest, v1::LinkResponse>;

constexpr std::chrono::milliseconds kShort{50};

// Answers every message; a hello is a greeting.
class Peer : public StreamUser<v1::LinkRequest, v1::LinkResponse> {
 public:
  Peer(Hellos* hellos, InStream* stream) : hellos_(hellos), stream_(stream) {}

  void OnOpen() override {
    hellos_->Await(stream_, [this] { return greeted_; });
  }
  void OnMessage(v1::LinkRequest& m) override {
    greeted_ = greeted_ || m.has_hello();
    ++due_;
    stream_->Wake();
  }
  bool NextMessage(v1::LinkResponse*) override {
    return due_ > 0 && due_-- > 0;
  }
  void OnClosed(const grpc::Status&) override {}

 private:
  Hellos* hellos_;
  InStream* stream_;
  bool greeted_ = false;
  int due_ = 0;
};

class HelloTest : public testing::Test {
 protected:
  HelloTest()
      : server_(*Server::Start("127.0.0.1:0",
                               {{Service::service_full_name(), &service_}})),
        hellos_(&server_->loop(), &registry_, kShort) {
    InStream::Serve(
        [this](grpc::ServerContext* context, InStream::Wire* wire, void* tag) {
          service_.RequestLink(context, wire, server_->cq(), server_->cq(),
                               tag);
        },
        [this](InStream* stream) {
          return std::make_unique<Peer>(&hellos_, stream);
        });
    thread_ = std::thread([this] { server_->loop().Run(); });
    stub_ = Service::NewStub(grpc::CreateChannel(
        server_->address(), grpc::InsecureChannelCredentials()));
  }
  ~HelloTest() override {
    server_->loop().Post(
        [this] { server_->Shutdown(std::chrono::milliseconds(0)); });
    thread_.join();
  }

  std::unique_ptr<OutStream> Open(grpc::ClientContext* context) {
    context->set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(10));
    return stub_->Link(context);
  }
  double silent() const {
    for (const auto& family : registry_.Collect()) {
      if (family.name != "belfry_streams_silent_total") continue;
      return family.metric.at(0).counter.value;
    }
    return -1;
  }
  static void ExpectClosed(OutStream* stream) {
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    EXPECT_EQ(ReasonOf(status), "NO_HELLO") << status.error_message();
  }

  prometheus::Registry registry_;
  Service::AsyncService service_;
  std::unique_ptr<Server> server_;
  Hellos hellos_;
  std::thread thread_;
  std::unique_ptr<Service::Stub> stub_;
};

TEST_F(HelloTest, WhoSaysNoneIsClosedAndCounted) {
  EXPECT_EQ(silent(), 0);
  grpc::ClientContext context;
  const auto stream = Open(&context);
  v1::LinkResponse response;
  EXPECT_FALSE(stream->Read(&response));
  ExpectClosed(stream.get());
  EXPECT_EQ(silent(), 1);
}

TEST_F(HelloTest, WhoSaysAnythingElseIsClosedAsWell) {
  grpc::ClientContext context;
  const auto stream = Open(&context);
  v1::LinkResponse response;
  EXPECT_TRUE(stream->Write(v1::LinkRequest()));
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_FALSE(stream->Read(&response));
  ExpectClosed(stream.get());
  EXPECT_EQ(silent(), 1);
}

// Its time is over when that of a stream that was opened later is.
TEST_F(HelloTest, WhoSaysItStays) {
  grpc::ClientContext context;
  const auto stream = Open(&context);
  v1::LinkRequest hello;
  hello.mutable_hello();
  v1::LinkResponse response;
  ASSERT_TRUE(stream->Write(hello));
  ASSERT_TRUE(stream->Read(&response));
  grpc::ClientContext other;
  EXPECT_FALSE(Open(&other)->Read(&response));
  EXPECT_TRUE(stream->Write(v1::LinkRequest()));
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_EQ(silent(), 1);
}

// A stream that is over before is no silent one.
TEST_F(HelloTest, WhoIsGoneIsNotCounted) {
  grpc::ClientContext context;
  const auto stream = Open(&context);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  grpc::ClientContext other;
  v1::LinkResponse response;
  EXPECT_FALSE(Open(&other)->Read(&response));
  EXPECT_EQ(silent(), 1) << "the other";
}

}  // namespace
}  // namespace belfry::rpc
