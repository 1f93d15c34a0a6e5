#include "node/calls.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node/answer_time.h"
#include "node/duration_histogram.h"
#include "rpc/codec.h"
#include "rpc/status.h"

namespace belfry::node {
namespace {

using Clock = std::chrono::steady_clock;

// Calls of one client to one CPU under way at once. A waiting caller has one,
// as a CPU has that spins for it; of asynchronous ones those count that are not
// in the queue yet.
constexpr std::uint32_t kWaitingWindow = 1;
constexpr std::uint32_t kAsyncWindow = 64;
constexpr int kBurstsMax = 64;
// What the payloads of one client's window may take.
constexpr std::size_t kWindowBytesMax = 64 << 20;
constexpr std::chrono::microseconds kGiveWay{50};

// Of a call from `self` to `cpu`.
std::string WhyText(kernel::Errno error, const kernel::Cpu& self,
                    std::uint32_t cpu) {
  switch (error) {
    case kernel::Errno::kEnxio:
      if (self.life() != kernel::Life::kOnline) cpu = self.id().value;
      return absl::StrCat("cpu ", cpu, " is not online");
    case kernel::Errno::kEnobufs:
      return absl::StrCat("the queue of cpu ", cpu, " is full");
    case kernel::Errno::kEownerdead:
      return absl::StrCat("the process of cpu ", cpu, " died with the answer");
    default:
      return std::string(kernel::ErrnoText(error));
  }
}

}  // namespace

struct Calls::Task {
  struct Target {
    kernel::CpuId cpu;
    std::uint32_t left = 0;       // to be issued
    std::uint32_t under_way = 0;  // issued, not settled
    bool issuing = false;         // IssueNext() is on the stack
    bool scheduled = false;       // ... or will be
    Clock::time_point start;
    // With a count.
    std::unique_ptr<DurationHistogram> durations;
    v1::CallResult result;
  };

  kernel::FuncId func;
  bool wait = false;
  std::uint32_t window = 0;
  std::string payload;
  std::vector<Target> targets;
  std::uint32_t src = 0;
  std::size_t targets_left = 0;
  ReplyPtr reply;  // null once given

  bool MayIssue(const Target& t) const {
    return reply && t.left > 0 && t.under_way < window;
  }
};

absl::Status Calls::Check(const v1::CallRequest& request,
                          kernel::CpuMask* targets) const {
  auto mask = kernel::ParseCpuList(request.cpus());
  if (!mask.ok()) return mask.status();
  if (mask->empty()) return absl::InvalidArgumentError("no CPU is named");
  for (kernel::CpuId cpu : mask->cpus()) {
    if (cpu.value < possible_) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "cpu ", cpu.value, " does not exist; there are 0-", possible_ - 1));
  }
  if (request.payload().size() > kPayloadMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the payload is over the ", kPayloadMax,
                     " bytes (1 MiB) that are allowed"));
  }
  if (request.many() && request.count() > 1) {
    return absl::InvalidArgumentError("a many-call has no count");
  }
  if (request.count() > kCountMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("count ", request.count(), " is over ", kCountMax));
  }
  if (request.window() > kWindowMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("window ", request.window(), " is over ", kWindowMax));
  }
  *targets = *std::move(mask);
  return absl::OkStatus();
}

void Calls::Start(const v1::CallRequest& request, ReplyPtr reply) {
  kernel::CpuMask targets;
  const absl::Status status = Check(request, &targets);
  if (!status.ok()) {
    return reply->Fail(rpc::ErrorStatus(kernel::Errno::kEinval,
                                        std::string(status.message())));
  }
  if (requests_ >= kRequestsMax) {
    return reply->Fail(rpc::ErrorStatus(
        kernel::Errno::kEnobufs,
        absl::StrCat(kRequestsMax, " requests to call are under way already")));
  }
  auto* functions = const_cast<Functions*>(&driver_->functions());
  const auto func = functions->Intern(request.function());
  const kernel::CpuId self = driver_->cpu().id();
  const bool only_self = targets == kernel::CpuMask{self.value};
  if (!func || (only_self && !functions->IsLinked(*func))) {
    return reply->Fail(rpc::ErrorStatus(
        kernel::Errno::kEnosys,
        absl::StrCat("unknown function '", request.function(), "'; cpu ",
                     self.value,
                     " knows: ", absl::StrJoin(functions->names(), ", ")),
        {{"function", request.function()}}));
  }
  auto task = std::make_shared<Task>();
  task->func = *func;
  task->wait = request.wait();
  task->window = request.window();
  if (task->window == 0) {
    task->window = task->wait ? kWaitingWindow : kAsyncWindow;
  }
  task->payload = request.payload();
  const std::size_t fit =
      kWindowBytesMax / std::max<std::size_t>(task->payload.size(), 1);
  task->window =
      static_cast<std::uint32_t>(std::clamp<std::size_t>(task->window, 1, fit));
  task->src = self.value;
  task->reply = std::move(reply);
  for (kernel::CpuId cpu : targets.cpus()) {
    Task::Target& target = task->targets.emplace_back();
    target.cpu = cpu;
    target.left = std::max(request.count(), 1u);
    target.start = Clock::now();
    if (target.left > 1) {
      target.durations = std::make_unique<DurationHistogram>();
    }
    target.result.set_cpu(cpu.value);
    target.result.set_result("0");
  }
  task->targets_left = task->targets.size();
  ++requests_;
  FinishAfter(AnswerTime(request, *task->reply), task);
  if (request.many()) return IssueMany(task, std::move(targets));
  for (std::size_t i = 0; i < task->targets.size(); ++i) IssueNext(task, i);
}

void Calls::IssueMany(const std::shared_ptr<Task>& task,
                      kernel::CpuMask targets) {
  const kernel::Token token = driver_->NewToken();
  for (std::size_t i = 0; i < task->targets.size(); ++i) {
    Task::Target& t = task->targets[i];
    t.left = 0;
    t.under_way = 1;
    tickets_[{token, t.cpu}] = {task, i, Clock::now()};
  }
  driver_->Feed(kernel::CallMany{.token = token,
                                 .cpus = std::move(targets),
                                 .func = task->func,
                                 .payload = task->payload,
                                 .wait = task->wait});
}

void Calls::IssueNext(const std::shared_ptr<Task>& task, std::size_t target) {
  Task::Target& t = task->targets[target];
  t.issuing = true;
  for (int i = 0; i < kBurstsMax && task->MayIssue(t); ++i) {
    IssueBurst(task, target);
  }
  t.issuing = false;
  // They have all ended already, as calls to oneself do, and refused ones. A
  // loop that always finds something to do never looks at the network.
  if (task->MayIssue(t)) Schedule(task, target, Turn::kGiveWay);
}

// As many as may be under way, in one frame.
void Calls::IssueBurst(const std::shared_ptr<Task>& task, std::size_t target) {
  Task::Target& t = task->targets[target];
  const CpuDriver::Together burst(driver_);
  const Clock::time_point now = Clock::now();
  while (task->MayIssue(t)) {
    --t.left;
    ++t.under_way;
    const kernel::Token token = driver_->NewToken();
    tickets_[{token, t.cpu}] = {task, target, now};
    driver_->Feed(kernel::Call{.token = token,
                               .dst = t.cpu,
                               .func = task->func,
                               .payload = task->payload,
                               .wait = task->wait});
  }
}

// In a turn of the loop of its own.
void Calls::Schedule(const std::shared_ptr<Task>& task, std::size_t target,
                     Turn turn) {
  Task::Target& t = task->targets[target];
  if (t.issuing || std::exchange(t.scheduled, true)) return;
  auto issue = [this, task, target] {
    task->targets[target].scheduled = false;
    IssueNext(task, target);
  };
  if (turn == Turn::kNext) {
    loop_->Post(std::move(issue));
  } else {
    loop_->After(kGiveWay, std::move(issue));
  }
}

void Calls::OnQueued(const kernel::CallQueued& queued) {
  const auto found = tickets_.find({queued.token, queued.dst});
  if (found == tickets_.end() || found->second.task->wait) return;
  const Ticket ticket = std::move(found->second);
  tickets_.erase(found);
  v1::CallResult& result = ticket.task->targets[ticket.target].result;
  result.set_queued(result.queued() + 1);
  CountDown(ticket);
}

void Calls::OnEnded(const kernel::CallEnded& ended) {
  const auto found = tickets_.find({ended.token, ended.dst});
  if (found == tickets_.end()) return;
  const Ticket ticket = std::move(found->second);
  tickets_.erase(found);
  v1::CallResult& result = ticket.task->targets[ticket.target].result;
  switch (ended.outcome) {
    case kernel::Outcome::kCompleted:
      result.set_completed(result.completed() + 1);
      result.set_payload(ended.result);
      break;
    case kernel::Outcome::kRefused:
      result.set_refused(result.refused() + 1);
      break;
    case kernel::Outcome::kLost:
      result.set_lost(result.lost() + 1);
      break;
  }
  if (ended.error != kernel::Errno::kOk && result.result() == "0") {
    result.set_result(std::string(kernel::ErrnoName(ended.error)));
    result.set_message(
        ended.outcome == kernel::Outcome::kCompleted
            ? kernel::ErrnoText(ended.error, ended.result)
            : WhyText(ended.error, driver_->cpu(), result.cpu()));
  }
  CountDown(ticket);
}

void Calls::CountDown(const Ticket& ticket) {
  Task& task = *ticket.task;
  Task::Target& t = task.targets[ticket.target];
  --t.under_way;
  const Clock::time_point now = Clock::now();
  if (t.durations) t.durations->Add(now - ticket.issued);
  if (t.left > 0) {
    // Not from inside the machine's effects: a refused call would recurse.
    Schedule(ticket.task, ticket.target, Turn::kNext);
    return;
  }
  if (t.under_way > 0) return;
  *t.result.mutable_duration() = rpc::ToDuration(now - t.start);
  if (--task.targets_left == 0) Finish(task);
}

void Calls::FinishAfter(std::chrono::nanoseconds time,
                        const std::shared_ptr<Task>& started) {
  // A task that has ended is gone; one that has not is held by its calls.
  loop_->After(time, [this, weak = std::weak_ptr(started)] {
    const std::shared_ptr<Task> task = weak.lock();
    if (!task || !task->reply) return;
    for (Task::Target& t : task->targets) {
      t.result.set_unanswered(std::uint64_t{t.left} + t.under_way);
      if (t.result.unanswered() == 0) continue;
      *t.result.mutable_duration() = rpc::ToDuration(Clock::now() - t.start);
      if (t.result.result() != "0") continue;
      t.result.set_result("ETIMEDOUT");
      t.result.set_message("no answer before the deadline");
    }
    Finish(*task);
    // What the target has not accepted is withdrawn; the rest goes on. Either
    // way nobody is left to hear how it ends.
    std::set<kernel::Token> tokens;
    absl::erase_if(tickets_, [&](const auto& entry) {
      if (entry.second.task != task) return false;
      tokens.insert(entry.first.first);
      return true;
    });
    for (kernel::Token token : tokens) driver_->Feed(kernel::Expire{token});
  });
}

void Calls::Finish(Task& task) {
  v1::CallResponse response;
  response.set_src_cpu(task.src);
  for (Task::Target& t : task.targets) {
    if (t.durations && t.durations->count() > 0) {
      *t.result.mutable_p50() = rpc::ToDuration(t.durations->Quantile(0.5));
      *t.result.mutable_p99() = rpc::ToDuration(t.durations->Quantile(0.99));
      *t.result.mutable_max() = rpc::ToDuration(t.durations->max());
    }
    *response.add_results() = std::move(t.result);
  }
  --requests_;
  std::exchange(task.reply, nullptr)->Finish(response);
}

}  // namespace belfry::node
