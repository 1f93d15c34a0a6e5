#include "node/stop_twos.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/answer_time.h"
#include "rpc/codec.h"
#include "rpc/status.h"

namespace belfry::node {
namespace {

std::string WhyText(const kernel::CallEnded& ended) {
  if (ended.outcome == kernel::Outcome::kCompleted) {
    return kernel::ErrnoText(ended.error, ended.result);
  }
  switch (ended.error) {
    case kernel::Errno::kEnoent:
      return "the stopper of one of the two is not enabled";
    case kernel::Errno::kEownerdead:
      return "the process of one of the two died";
    default:
      return std::string(kernel::ErrnoText(ended.error));
  }
}

}  // namespace

void StopTwos::Start(const v1::StopTwoRequest& request, ReplyPtr reply) {
  for (const std::uint32_t cpu : {request.a(), request.b()}) {
    if (cpu < possible_) continue;
    return reply->Fail(rpc::ErrorStatus(
        kernel::Errno::kEinval,
        absl::StrCat("cpu ", cpu, " does not exist; there are 0-",
                     possible_ - 1)));
  }
  if (request.payload().size() > kPayloadMax) {
    return reply->Fail(
        rpc::ErrorStatus(kernel::Errno::kEinval,
                         absl::StrCat("the payload is over the ", kPayloadMax,
                                      " bytes (1 MiB) that are allowed")));
  }
  if (waiting_.size() >= kRequestsMax ||
      payload_bytes_ >= kernel::kPayloadBytesMax) {
    return reply->Fail(rpc::ErrorStatus(
        kernel::Errno::kEnobufs,
        absl::StrCat(waiting_.size(), " of these, with ", payload_bytes_,
                     " bytes of payloads, are under way already")));
  }
  const kernel::Token token = driver_->NewToken();
  waiting_[token] = {reply, std::chrono::steady_clock::now(),
                     request.payload().size()};
  payload_bytes_ += request.payload().size();
  FinishAfter(AnswerTime(request, *reply), token);
  driver_->Feed(kernel::StopTwoTask{.token = token,
                                    .a = {request.a()},
                                    .b = {request.b()},
                                    .func = request.function(),
                                    .payload = request.payload()});
}

bool StopTwos::OnEnded(const kernel::CallEnded& ended) {
  const auto found = waiting_.extract(ended.token);
  if (found.empty()) return false;
  payload_bytes_ -= found.mapped().payload_bytes;
  v1::StopTwoResponse response;
  response.set_result(std::string(kernel::ErrnoName(ended.error)));
  *response.mutable_duration() =
      rpc::ToDuration(std::chrono::steady_clock::now() - found.mapped().start);
  if (ended.error == kernel::Errno::kOk) {
    response.set_payload(ended.result);
  } else {
    response.set_message(WhyText(ended));
  }
  found.mapped().reply->Finish(response);
  return true;
}

// One that has begun goes on; nobody is left to hear how it ends.
void StopTwos::FinishAfter(std::chrono::nanoseconds time, kernel::Token token) {
  loop_->After(time, [this, token] {
    if (!waiting_.contains(token)) return;
    OnEnded({.token = token,
             .outcome = kernel::Outcome::kRefused,
             .error = kernel::Errno::kEtimedout});
    driver_->Feed(kernel::Expire{token});
  });
}

}  // namespace belfry::node
