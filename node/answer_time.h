// When a CPU answers a client's request that has not ended: every wait has an
// end, and its reason is told.
#ifndef BELFRY_NODE_ANSWER_TIME_H_
#define BELFRY_NODE_ANSWER_TIME_H_

#include <algorithm>
#include <chrono>

#include "rpc/codec.h"
#include "rpc/unary.h"

namespace belfry::node {

// How long the request has. Without a timeout of its own our answer must reach
// the client before its RPC ends, also on a busy host: a tenth of its patience
// is kept for that, within bounds.
template <typename Request, typename Response>
std::chrono::nanoseconds AnswerTime(const Request& request,
                                    const rpc::Reply<Response>& reply) {
  constexpr std::chrono::nanoseconds kMarginMin = std::chrono::milliseconds(50);
  constexpr std::chrono::nanoseconds kMarginMax =
      std::chrono::milliseconds(500);
  const std::chrono::nanoseconds left = reply.time_left();
  const auto margin = std::clamp(left / 10, kMarginMin, kMarginMax);
  const auto time = std::max(left - margin, left / 2);
  return request.has_timeout()
             ? std::min(time, rpc::FromDuration(request.timeout()))
             : time;
}

}  // namespace belfry::node

#endif  // BELFRY_NODE_ANSWER_TIME_H_
