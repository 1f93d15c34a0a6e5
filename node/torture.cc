#include "node/torture.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kernel/functions.h"
#include "rpc/codec.h"

namespace belfry::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kThreadsMax = 64;
// A completion comes within this.
constexpr std::chrono::microseconds kIoTimeMax{2000};
// While its CPU is offline a thread looks again this often: HZ / 5.
constexpr std::chrono::milliseconds kOfflineSleep{200};
constexpr std::chrono::milliseconds kRestSleep{5};
// Once in so many a handler burns up to 63 µs, or takes its long wait.
constexpr std::uint64_t kBurnEvery = 16;
constexpr std::uint64_t kLongEvery = 1000;
constexpr std::uint64_t kBurnMaxUs = 63;

// What the handler answers to what the caller has written.
std::uint64_t AnswerTo(std::uint64_t check) { return ~check; }

struct Message {
  std::uint32_t target = 0;
  std::uint64_t check = 0;
  std::uint64_t burn_us = 0;
};

// The check stands twice: a caller's store that did not arrive shows.
std::string ToText(const Message& m) {
  return absl::StrCat(m.target, " ", m.check, " ", m.burn_us, " ", m.check);
}

bool FromText(const std::string& text, Message* m) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  std::uint64_t again = 0;
  return words.size() == 4 && absl::SimpleAtoi(words[0], &m->target) &&
         absl::SimpleAtoi(words[1], &m->check) &&
         absl::SimpleAtoi(words[2], &m->burn_us) &&
         absl::SimpleAtoi(words[3], &again) && again == m->check;
}

}  // namespace

struct Torture::Thread {
  std::mt19937_64 random;
  // The run that it belongs to.
  std::uint64_t run = 0;
  // Its own csd is in use: an asynchronous call that has not ended. The next
  // one waits for it, in csd_lock().
  bool csd_locked = false;
  bool wants_csd = false;
};

absl::Status Torture::Set(const v1::Torture& torture) {
  const v1::Torture::Weights& w = torture.weights();
  if (w.single() + w.single_rpc() + w.single_wait() + w.irq() == 0) {
    return absl::InvalidArgumentError("weights: all zero makes no sense");
  }
  if (torture.threads() > kThreadsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads ", torture.threads(), ": at most ", kThreadsMax));
  }
  const auto handler =
      const_cast<Functions&>(driver_->functions()).Intern(kHandler);
  if (!handler) return absl::ResourceExhaustedError("too many functions");
  Stop();
  torture_ = torture;
  handler_ = *handler;
  running_ = true;
  start_ = Clock::now();
  for (std::uint32_t i = 0; i < torture.threads(); ++i) {
    auto thread = std::make_shared<Thread>();
    std::seed_seq seed{torture.seed(), std::uint64_t{driver_->cpu().id().value},
                       std::uint64_t{i}};
    thread->random.seed(seed);
    thread->run = run_;
    NextAfter(thread, std::chrono::nanoseconds(0));
  }
  return absl::OkStatus();
}

void Torture::Stop() {
  running_ = false;
  ++run_;
}

// Never from inside the machine's effects, and never without a look at the
// network in between.
void Torture::NextAfter(const std::shared_ptr<Thread>& thread,
                        std::chrono::nanoseconds delay) {
  loop_->After(delay, [this, thread] {
    if (thread->run == run_) Next(thread);
  });
}

void Torture::Next(const std::shared_ptr<Thread>& thread) {
  if (driver_->cpu().life() != kernel::Life::kOnline) {
    return NextAfter(thread, kOfflineSleep);
  }
  if (Rests()) return NextAfter(thread, kRestSleep);
  const Primitive primitive = Pick(*thread);
  switch (primitive) {
    case Primitive::kSingle:
      if (thread->csd_locked) {
        thread->wants_csd = true;
        return;
      }
      [[fallthrough]];
    case Primitive::kSingleRpc:
    case Primitive::kSingleWait:
      return CallOne(thread, primitive);
    case Primitive::kIrq:
      SubmitIo(*thread);
      return NextAfter(thread, std::chrono::nanoseconds(0));
  }
}

// single_rpc is an asynchronous call whose handler wakes the caller: it is
// waited for, and not with interrupts off.
void Torture::CallOne(const std::shared_ptr<Thread>& thread,
                      Primitive primitive) {
  std::mt19937_64& random = thread->random;
  Message message{.target = PickCpu(*thread).value, .check = random()};
  if (random() % kBurnEvery == 0) message.burn_us = random() % kBurnMaxUs + 1;
  const auto longwait = rpc::FromDuration(torture_.longwait());
  const bool is_long = longwait.count() > 0 && random() % kLongEvery == 0;
  const kernel::Token token = driver_->NewToken();
  if (primitive == Primitive::kSingle) thread->csd_locked = true;
  tickets_[token] = {.thread = thread,
                     .primitive = primitive,
                     .check = is_long ? 0 : message.check,
                     .start = Clock::now()};
  kernel::Call call{.token = token,
                    .dst = kernel::CpuId{message.target},
                    .func = handler_,
                    .payload = ToText(message),
                    .wait = primitive == Primitive::kSingleWait};
  if (is_long) {
    using std::chrono::microseconds;
    call.func = kernel::kSpin;
    call.payload = absl::StrCat(
        std::chrono::duration_cast<microseconds>(longwait).count());
  }
  driver_->Feed(std::move(call));
}

void Torture::SubmitIo(Thread& thread) {
  counts_.set_irq(counts_.irq() + 1);
  const kernel::CpuId submitter = PickCpu(thread);
  const std::chrono::microseconds delay{
      thread.random() % static_cast<std::uint64_t>(kIoTimeMax.count())};
  loop_->After(delay, [this, submitter] {
    // fixup_irqs(): an offline CPU gets no device interrupts.
    if (driver_->cpu().life() == kernel::Life::kDead) return;
    driver_->Feed(kernel::DeviceIrq{submitter});
  });
}

Torture::Primitive Torture::Pick(Thread& thread) const {
  const v1::Torture::Weights& w = torture_.weights();
  const std::pair<std::uint32_t, Primitive> weights[] = {
      {w.single(), Primitive::kSingle},
      {w.single_rpc(), Primitive::kSingleRpc},
      {w.single_wait(), Primitive::kSingleWait},
      {w.irq(), Primitive::kIrq}};
  std::uint64_t total = 0;
  for (const auto& [weight, primitive] : weights) total += weight;
  std::uint64_t drawn = thread.random() % total;
  for (const auto& [weight, primitive] : weights) {
    if (drawn < weight) return primitive;
    drawn -= weight;
  }
  return Primitive::kSingle;
}

// Any possible CPU, also one that is offline: that must be refused.
kernel::CpuId Torture::PickCpu(Thread& thread) const {
  return kernel::CpuId{static_cast<std::uint32_t>(thread.random() % possible_)};
}

bool Torture::Rests() const {
  const auto stutter = rpc::FromDuration(torture_.stutter());
  return stutter.count() > 0 && (Clock::now() - start_) / stutter % 2 == 1;
}

bool Torture::OnQueued(kernel::Token token) {
  const auto found = tickets_.find(token);
  if (found == tickets_.end()) return false;
  Ticket& ticket = found->second;
  if (ticket.primitive == Primitive::kSingle) {
    ticket.holds_thread = false;
    NextAfter(ticket.thread, std::chrono::nanoseconds(0));
  }
  return true;
}

bool Torture::OnEnded(const kernel::CallEnded& ended) {
  const auto found = tickets_.find(ended.token);
  if (found == tickets_.end()) return false;
  const Ticket ticket = std::move(found->second);
  tickets_.erase(found);
  Count(ticket, ended);
  Thread& thread = *ticket.thread;
  if (ticket.primitive == Primitive::kSingle) thread.csd_locked = false;
  if (ticket.holds_thread || std::exchange(thread.wants_csd, false)) {
    NextAfter(ticket.thread, std::chrono::nanoseconds(0));
  }
  return true;
}

void Torture::Count(const Ticket& ticket, const kernel::CallEnded& ended) {
  if (ended.outcome == kernel::Outcome::kLost) {
    return counts_.set_lost(counts_.lost() + 1);
  }
  if (ended.error == kernel::Errno::kEnobufs) {
    return counts_.set_staf(counts_.staf() + 1);
  }
  const bool offline = ended.outcome == kernel::Outcome::kRefused;
  v1::TortureCounts& c = counts_;
  switch (ticket.primitive) {
    case Primitive::kSingle:
      return offline ? c.set_single_ofl(c.single_ofl() + 1)
                     : c.set_single(c.single() + 1);
    case Primitive::kSingleRpc:
      return offline ? c.set_single_rpc_ofl(c.single_rpc_ofl() + 1)
                     : c.set_single_rpc(c.single_rpc() + 1);
    case Primitive::kSingleWait:
      if (offline) return c.set_single_wait_ofl(c.single_wait_ofl() + 1);
      c.set_single_wait(c.single_wait() + 1);
      if (ticket.check != 0 &&
          ended.result != absl::StrCat(AnswerTo(ticket.check))) {
        c.set_stnmoe(c.stnmoe() + 1);
      }
      return;
    case Primitive::kIrq:
      return;
  }
}

FunctionResult Torture::Handle(const FunctionCall& call) {
  Message message;
  if (!FromText(call.payload, &message)) {
    counts_.set_stnmie(counts_.stnmie() + 1);
    return {.error = kernel::Errno::kEinval,
            .payload = "it is for belfry torture to call"};
  }
  counts_.set_invoked(counts_.invoked() + 1);
  if (message.target != call.cpu.value) counts_.set_ste(counts_.ste() + 1);
  const auto end = Clock::now() + std::chrono::microseconds(
                                      std::min(message.burn_us, kBurnMaxUs));
  while (message.burn_us > 0 && Clock::now() < end) {
  }
  return {.payload = absl::StrCat(AnswerTo(message.check))};
}

void Torture::OnTrace(const kernel::TraceEvent& event) {
  if (event.kind != kernel::TraceKind::kCsdFunctionEntry) return;
  ++(*counts_.mutable_ran())[event.detail];
}

v1::TortureStatus Torture::status() const {
  v1::TortureStatus status;
  status.set_cpu(driver_->cpu().id().value);
  status.set_running(running_);
  Clock::time_point oldest = Clock::now();
  for (const auto& [token, ticket] : tickets_) {
    oldest = std::min(oldest, ticket.start);
  }
  status.set_waiting(static_cast<std::uint32_t>(tickets_.size()));
  *status.mutable_waiting_longest() = rpc::ToDuration(Clock::now() - oldest);
  *status.mutable_counts() = counts_;
  return status;
}

}  // namespace belfry::node
