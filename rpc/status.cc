#include "rpc/status.h"

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace belfry::rpc {
namespace {

constexpr char kDomain[] = "belfry";
constexpr char kNotLeader[] = "NOT_LEADER";
constexpr char kLeader[] = "leader";

grpc::Status WithInfo(grpc::StatusCode code, const std::string& reason,
                      const std::string& message,
                      const ErrorMetadata& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(kDomain);
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[key] = value;
  }
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return grpc::Status(code, message, details.SerializeAsString());
}

google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return info;
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&info)) return info;
  }
  return info;
}

}  // namespace

grpc::StatusCode CodeOf(kernel::Errno error) {
  using kernel::Errno;
  switch (error) {
    case Errno::kOk:
      return grpc::StatusCode::OK;
    case Errno::kEinval:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case Errno::kEnxio:
    case Errno::kEbusy:
    case Errno::kEperm:
    case Errno::kEdeadlk:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case Errno::kEagain:
      return grpc::StatusCode::UNAVAILABLE;
    case Errno::kEnobufs:
    case Errno::kEnospc:
    case Errno::kEnomem:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case Errno::kEnoent:
      return grpc::StatusCode::NOT_FOUND;
    case Errno::kEnosys:
    case Errno::kEopnotsupp:
      return grpc::StatusCode::UNIMPLEMENTED;
    case Errno::kEtimedout:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case Errno::kEcanceled:
      return grpc::StatusCode::CANCELLED;
    case Errno::kEio:
    case Errno::kEownerdead:
      return grpc::StatusCode::ABORTED;
  }
  return grpc::StatusCode::INTERNAL;
}

grpc::Status ErrorStatus(kernel::Errno error, const std::string& message,
                         const ErrorMetadata& metadata) {
  const std::string name(kernel::ErrnoName(error));
  return WithInfo(CodeOf(error), name, absl::StrCat(name, ": ", message),
                  metadata);
}

grpc::Status ErrorStatus(grpc::StatusCode code, const std::string& reason,
                         const std::string& message) {
  return WithInfo(code, reason, message, {});
}

std::string ReasonOf(const grpc::Status& status) {
  return InfoOf(status).reason();
}

grpc::Status NotLeader(const std::string& leader) {
  return WithInfo(grpc::StatusCode::UNAVAILABLE, kNotLeader,
                  absl::StrCat("this coordinator stands by; ",
                               leader.empty() ? "it knows of none that leads"
                                              : absl::StrCat(leader, " leads")),
                  {{kLeader, leader}});
}

bool IsNotLeader(const grpc::Status& status) {
  return ReasonOf(status) == kNotLeader;
}

std::string LeaderOf(const grpc::Status& status) {
  const google::rpc::ErrorInfo info = InfoOf(status);
  const auto leader = info.metadata().find(kLeader);
  return info.reason() == kNotLeader && leader != info.metadata().end()
             ? leader->second
             : "";
}

}  // namespace belfry::rpc
