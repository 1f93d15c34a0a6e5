#include "rpc/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "rpc/stream.h"

namespace belfry::rpc {
namespace {

using grpc::reflection::v1alpha::ErrorResponse;
using grpc::reflection::v1alpha::ExtensionRequest;
using ReflectionRequest = grpc::reflection::v1alpha::ServerReflectionRequest;
using ReflectionResponse = grpc::reflection::v1alpha::ServerReflectionResponse;
using Names = std::vector<std::string>;
using ReflectionStream = ServerStream<ReflectionRequest, ReflectionResponse>;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

// Answers that wait for the wire; who asks on without reading is sent away.
constexpr std::size_t kAnswersMax = 64;

// A file and all that it imports, each once.
void AddFile(const FileDescriptor* file, std::set<const FileDescriptor*>* seen,
             ReflectionResponse* response) {
  if (!seen->insert(file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file->CopyTo(&proto);
  response->mutable_file_descriptor_response()->add_file_descriptor_proto(
      proto.SerializeAsString());
  for (int i = 0; i < file->dependency_count(); ++i) {
    AddFile(file->dependency(i), seen, response);
  }
}

void AddFileOrError(const FileDescriptor* file, ReflectionResponse* response) {
  if (file != nullptr) {
    std::set<const FileDescriptor*> seen;
    return AddFile(file, &seen, response);
  }
  ErrorResponse* error = response->mutable_error_response();
  error->set_error_code(grpc::StatusCode::NOT_FOUND);
  error->set_error_message("not known here");
}

const FileDescriptor* FileOfExtension(const ExtensionRequest& request) {
  const auto* pool = DescriptorPool::generated_pool();
  const auto* type = pool->FindMessageTypeByName(request.containing_type());
  if (type == nullptr) return nullptr;
  const auto* extension =
      pool->FindExtensionByNumber(type, request.extension_number());
  return extension ? extension->file() : nullptr;
}

void AddExtensionNumbers(const std::string& type_name,
                         ReflectionResponse* response) {
  const auto* pool = DescriptorPool::generated_pool();
  const auto* type = pool->FindMessageTypeByName(type_name);
  if (type == nullptr) return AddFileOrError(nullptr, response);
  std::vector<const google::protobuf::FieldDescriptor*> extensions;
  pool->FindAllExtensions(type, &extensions);
  auto* numbers = response->mutable_all_extension_numbers_response();
  numbers->set_base_type_name(type_name);
  for (const auto* extension : extensions) {
    numbers->add_extension_number(extension->number());
  }
}

ReflectionResponse Answer(const ReflectionRequest& request,
                          const Names& services) {
  const auto* pool = DescriptorPool::generated_pool();
  ReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case ReflectionRequest::kFileByFilename:
      AddFileOrError(pool->FindFileByName(request.file_by_filename()),
                     &response);
      break;
    case ReflectionRequest::kFileContainingSymbol:
      AddFileOrError(
          pool->FindFileContainingSymbol(request.file_containing_symbol()),
          &response);
      break;
    case ReflectionRequest::kFileContainingExtension:
      AddFileOrError(FileOfExtension(request.file_containing_extension()),
                     &response);
      break;
    case ReflectionRequest::kAllExtensionNumbersOfType:
      AddExtensionNumbers(request.all_extension_numbers_of_type(), &response);
      break;
    case ReflectionRequest::kListServices:
      for (const std::string& name : services) {
        response.mutable_list_services_response()->add_service()->set_name(
            name);
      }
      break;
    case ReflectionRequest::MESSAGE_REQUEST_NOT_SET: {
      ErrorResponse* error = response.mutable_error_response();
      error->set_error_code(grpc::StatusCode::INVALID_ARGUMENT);
      error->set_error_message("the request asks for nothing");
      break;
    }
  }
  return response;
}

class Conversation : public StreamUser<ReflectionRequest, ReflectionResponse> {
 public:
  Conversation(std::shared_ptr<const Names> services, ReflectionStream* stream)
      : services_(std::move(services)), stream_(stream) {}

  void OnOpen() override {}
  void OnMessage(ReflectionRequest& request) override {
    if (answers_.size() >= kAnswersMax) {
      return stream_->Close(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                         "read the answers first"));
    }
    answers_.push_back(Answer(request, *services_));
    stream_->Wake();
  }
  bool NextMessage(ReflectionResponse* response) override {
    if (answers_.empty()) return false;
    *response = std::move(answers_.front());
    answers_.pop_front();
    return true;
  }
  void OnClosed(const grpc::Status&) override {}

 private:
  std::shared_ptr<const Names> services_;
  ReflectionStream* stream_;
  std::deque<ReflectionResponse> answers_;
};

}  // namespace

void Reflection::Serve(std::vector<std::string> services,
                       grpc::ServerCompletionQueue* cq) {
  const auto names = std::make_shared<const Names>(std::move(services));
  ReflectionStream::Serve(
      [this, cq](grpc::ServerContext* context, ReflectionStream::Wire* wire,
                 void* tag) {
        service_.RequestServerReflectionInfo(context, wire, cq, cq, tag);
      },
      [names](ReflectionStream* stream) {
        return std::make_unique<Conversation>(names, stream);
      });
}

}  // namespace belfry::rpc
