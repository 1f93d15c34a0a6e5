#include "tests/e2e/support/gates.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/e2e/support/program.h"

namespace belfry::e2e {
namespace {

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

void SetDeadline(grpc::ClientContext* context) {
  context->set_wait_for_ready(true);
  context->set_deadline(std::chrono::system_clock::now() + kPatience);
}

}  // namespace

Gates::Gates(const std::string& address)
    : stub_(v1::DebugService::NewStub(OpenChannel(address))) {}

void Gates::Hold(const std::string& gate) {
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::HoldGateRequest request;
  request.set_name(gate);
  v1::HoldGateResponse response;
  const grpc::Status status = stub_->HoldGate(&context, request, &response);
  EXPECT_TRUE(status.ok()) << gate << ": " << status.error_message();
  names_[gate] = response.gate().name();
}

void Gates::Release(const std::string& gate) {
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::ReleaseGateRequest request;
  request.set_name(gate);
  v1::ReleaseGateResponse response;
  const grpc::Status status = stub_->ReleaseGate(&context, request, &response);
  EXPECT_TRUE(status.ok()) << gate << ": " << status.error_message();
}

std::uint32_t Gates::Waiting(const std::string& gate) {
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::ListGatesResponse response;
  const grpc::Status status =
      stub_->ListGates(&context, v1::ListGatesRequest(), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  const auto known = names_.find(gate);
  const std::string& name = known == names_.end() ? gate : known->second;
  for (const v1::Gate& g : response.gates()) {
    if (g.name() == name) return g.waiting();
  }
  return 0;
}

void Gates::Await(const std::string& gate) {
  EXPECT_TRUE(WaitFor([&] { return Waiting(gate) > 0; }))
      << "nothing came to gate " << gate;
}

}  // namespace belfry::e2e
