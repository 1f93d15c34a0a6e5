#include "coordinator/operations.h"

#include <algorithm>
#include <utility>

#include "rpc/codec.h"

namespace belfry::coordinator {

using kernel::OpId;

Operations::Operations(OpId last, const kernel::Coordinator* machine,
                       Describe describe)
    : last_(last.value), machine_(machine), describe_(std::move(describe)) {}

OpId Operations::Begin(const std::string& request_id) {
  const OpId id{++last_};
  times_[id] = {std::chrono::system_clock::now(),
                std::chrono::steady_clock::now(), request_id};
  return id;
}

std::optional<OpId> Operations::FindRequest(
    const std::string& request_id) const {
  if (request_id.empty()) return std::nullopt;
  for (const auto& [id, times] : times_) {
    if (times.request_id == request_id) return id;
  }
  return std::nullopt;
}

v1::Operation Operations::Live(const kernel::Operation& op) const {
  v1::Operation result = rpc::ToProto(op);
  const auto times = times_.find(op.id);
  if (times != times_.end()) {
    *result.mutable_create_time() = rpc::ToTimestamp(times->second.create);
    *result.mutable_duration() =
        rpc::ToDuration(std::chrono::steady_clock::now() - times->second.start);
    result.set_request_id(times->second.request_id);
  }
  if (!result.done() && result.message().empty()) {
    result.set_message(describe_(op));
  }
  return result;
}

void Operations::End(const kernel::Operation& op) {
  // The boot of the first CPU is nobody's request.
  if (op.id == OpId{}) return;
  v1::Operation result = Live(op);
  *result.mutable_end_time() =
      rpc::ToTimestamp(std::chrono::system_clock::now());
  const auto [first, last] = waiters_.equal_range(op.id);
  for (auto waiter = first; waiter != last; ++waiter) {
    v1::WaitOperationResponse response;
    *response.mutable_operation() = result;
    waiter->second->Finish(response);
  }
  waiters_.erase(first, last);
  done_.push_back(std::move(result));
  if (done_.size() <= kKept) return;
  times_.erase(OpId{done_.front().id()});
  done_.pop_front();
}

std::optional<v1::Operation> Operations::Get(OpId id) const {
  if (machine_->current() && machine_->current()->id == id) {
    return Live(*machine_->current());
  }
  for (const kernel::Operation& op : machine_->queued()) {
    if (op.id == id) return Live(op);
  }
  for (const v1::Operation& op : done_) {
    if (op.id() == id.value) return op;
  }
  return std::nullopt;
}

std::vector<v1::Operation> Operations::List(bool include_done) const {
  std::vector<v1::Operation> result;
  if (include_done) result.assign(done_.begin(), done_.end());
  if (machine_->current()) result.push_back(Live(*machine_->current()));
  for (const kernel::Operation& op : machine_->queued()) {
    result.push_back(Live(op));
  }
  return result;
}

void Operations::AddWaiter(OpId id, WaitReply reply) {
  waiters_.emplace(id, std::move(reply));
}

void Operations::RemoveWaiter(OpId id, const WaitReply& reply) {
  const auto [first, last] = waiters_.equal_range(id);
  const auto waiter = std::find_if(
      first, last, [&](const auto& entry) { return entry.second == reply; });
  if (waiter == last) return;
  waiters_.erase(waiter);
  v1::WaitOperationResponse response;
  if (auto op = Get(id)) *response.mutable_operation() = *std::move(op);
  reply->Finish(response);
}

}  // namespace belfry::coordinator
