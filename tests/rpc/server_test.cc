// What every server is asked by tools that know nothing of Belfry.
#include "rpc/server.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <grpc/health/v1/health.grpc.pb.h>
#include <grpc/reflection/v1alpha/reflection.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace belfry::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;
using testing::ElementsAre;

constexpr std::chrono::seconds kPatience(10);

// Alone, with its debug service, on a thread of its own.
class ServerTest : public testing::Test {
 protected:
  ServerTest() : server_(*Server::Start("127.0.0.1:0", {})) {
    thread_ = std::thread([this] { server_->loop().Run(); });
    channel_ = grpc::CreateChannel(server_->address(),
                                   grpc::InsecureChannelCredentials());
  }
  ~ServerTest() override {
    server_->loop().Post(
        [this] { server_->Shutdown(std::chrono::milliseconds(0)); });
    thread_.join();
  }

  void SetServing(bool serving) {
    server_->loop().Post([this, serving] { server_->SetServing(serving); });
  }

  static void SetDeadline(grpc::ClientContext* context) {
    context->set_deadline(std::chrono::system_clock::now() + kPatience);
  }

  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(ServerTest, HealthIsOfTheWholeProcess) {
  const auto stub = grpc::health::v1::Health::NewStub(channel_);
  const auto check = [&](const std::string& service,
                         HealthCheckResponse* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    HealthCheckRequest request;
    request.set_service(service);
    return stub->Check(&context, request, response).error_code();
  };
  HealthCheckResponse response;
  EXPECT_EQ(check("", &response), grpc::StatusCode::OK);
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  SetServing(true);
  EXPECT_EQ(check("", &response), grpc::StatusCode::OK);
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  EXPECT_EQ(check("no.such.Service", &response), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, WhoWatchesIsToldOfEveryChange) {
  const auto stub = grpc::health::v1::Health::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(&context);
  const auto watch = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  for (const bool serving : {false, true, false}) {
    SetServing(serving);
    ASSERT_TRUE(watch->Read(&response));
    EXPECT_EQ(response.status(), serving ? HealthCheckResponse::SERVING
                                         : HealthCheckResponse::NOT_SERVING);
  }
  context.TryCancel();
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// Nobody watches, and what waits for one to come is dropped, not told: found by
// the sanitizer for leaks, which alone can see it.
TEST(ServerThatNeverRuns, LetsGoOfTheWatcherThatNeverCame) {
  const auto server = Server::Start("127.0.0.1:0", {});
  ASSERT_TRUE(server.ok()) << server.status();
  (*server)->loop().Shutdown();
}

// One more than there may be is refused, and that one only.
TEST_F(ServerTest, WatchersAreBounded) {
  const auto stub = grpc::health::v1::Health::NewStub(channel_);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<HealthCheckResponse>>> watches;
  HealthCheckResponse response;
  for (int i = 0; i < 64; ++i) {
    SetDeadline(
        contexts.emplace_back(std::make_unique<grpc::ClientContext>()).get());
    watches.push_back(stub->Watch(contexts.back().get(), HealthCheckRequest()));
    ASSERT_TRUE(watches.back()->Read(&response)) << i;
  }
  grpc::ClientContext one_more;
  SetDeadline(&one_more);
  const auto refused = stub->Watch(&one_more, HealthCheckRequest());
  EXPECT_FALSE(refused->Read(&response));
  EXPECT_EQ(refused->Finish().error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (const auto& context : contexts) context->TryCancel();
  for (const auto& watch : watches) (void)watch->Finish();
}

// Asks everything first, then ends its side, then reads.
std::vector<ServerReflectionResponse> Converse(
    const std::shared_ptr<grpc::Channel>& channel,
    const std::vector<ServerReflectionRequest>& requests) {
  const auto stub =
      grpc::reflection::v1alpha::ServerReflection::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stream = stub->ServerReflectionInfo(&context);
  for (const ServerReflectionRequest& request : requests) {
    EXPECT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  std::vector<ServerReflectionResponse> responses;
  ServerReflectionResponse response;
  while (stream->Read(&response)) responses.push_back(response);
  EXPECT_TRUE(stream->Finish().ok());
  return responses;
}

TEST_F(ServerTest, ReflectionTellsServicesAndTheirFiles) {
  std::vector<ServerReflectionRequest> requests(4);
  requests[0].set_list_services("");
  requests[1].set_file_containing_symbol("belfry.v1.DebugService");
  requests[2].set_file_by_filename("no/such/file.proto");
  const auto responses = Converse(channel_, requests);
  ASSERT_EQ(responses.size(), 4u);
  std::set<std::string> services;
  for (const auto& service : responses[0].list_services_response().service()) {
    services.insert(service.name());
  }
  EXPECT_THAT(services,
              ElementsAre("belfry.v1.DebugService", "grpc.health.v1.Health",
                          "grpc.reflection.v1alpha.ServerReflection"));
  // With all that it imports, each once: a tool can build it from these alone.
  google::protobuf::SimpleDescriptorDatabase database;
  for (const std::string& bytes :
       responses[1].file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    EXPECT_TRUE(database.Add(file)) << file.name() << " came twice";
  }
  google::protobuf::DescriptorPool pool(&database);
  const auto* service = pool.FindServiceByName("belfry.v1.DebugService");
  ASSERT_NE(service, nullptr);
  EXPECT_NE(service->FindMethodByName("ReadTrace"), nullptr);
  EXPECT_EQ(responses[2].error_response().error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(responses[3].error_response().error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace belfry::rpc
