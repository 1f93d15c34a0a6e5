#include "node/torture.h"

#include <algorithm>
#include <utility>
#include <vector>

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
  kernel::CpuMask targets;
  std::uint64_t check = 0;
  std::uint64_t burn_us = 0;
};

// The check stands twice: a caller's store that did not arrive shows.
std::string ToText(const Message& m) {
  return absl::StrCat(kernel::FormatCpuList(m.targets), " ", m.check, " ",
                      m.burn_us, " ", m.check);
}

bool FromText(const std::string& text, Message* m) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  if (words.size() != 4) return false;
  auto targets = kernel::ParseCpuList(words[0]);
  if (!targets.ok()) return false;
  m->targets = *std::move(targets);
  std::uint64_t again = 0;
  return absl::SimpleAtoi(words[1], &m->check) &&
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
  if (Total(WeightsOf(torture.weights())) == 0) {
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
  if (primitive == Primitive::kIrq) {
    SubmitIo(*thread);
    return NextAfter(thread, std::chrono::nanoseconds(0));
  }
  if (primitive == Primitive::kSingle && thread->csd_locked) {
    thread->wants_csd = true;
    return;
  }
  Call(thread, primitive);
}

bool Torture::Waits(Primitive primitive) {
  return primitive == Primitive::kSingleWait ||
         primitive == Primitive::kManyWait || primitive == Primitive::kAllWait;
}

bool Torture::IsSingle(Primitive primitive) {
  return primitive == Primitive::kSingle ||
         primitive == Primitive::kSingleRpc ||
         primitive == Primitive::kSingleWait;
}

bool Torture::IsAsync(Primitive primitive) {
  return primitive == Primitive::kSingle || primitive == Primitive::kMany ||
         primitive == Primitive::kAll;
}

// single_rpc is an asynchronous call whose handler wakes the caller: it is
// waited for, and not with interrupts off.
void Torture::Call(const std::shared_ptr<Thread>& thread, Primitive primitive) {
  std::mt19937_64& random = thread->random;
  Message message{.targets = PickTargets(*thread, primitive),
                  .check = random()};
  if (message.targets.empty()) {
    Count(primitive, /*offline=*/false);
    return NextAfter(thread, std::chrono::nanoseconds(0));
  }
  if (random() % kBurnEvery == 0) message.burn_us = random() % kBurnMaxUs + 1;
  const auto longwait = rpc::FromDuration(torture_.longwait());
  const bool is_long = longwait.count() > 0 && random() % kLongEvery == 0;
  const kernel::Token token = driver_->NewToken();
  if (primitive == Primitive::kSingle) thread->csd_locked = true;
  tickets_[token] = {.thread = thread,
                     .primitive = primitive,
                     .targets = message.targets.count(),
                     .check = is_long ? 0 : message.check,
                     .start = Clock::now()};
  using std::chrono::microseconds;
  kernel::CallMany call{
      .token = token,
      .cpus = message.targets,
      .func = is_long ? kernel::kSpin : handler_,
      .payload =
          is_long
              ? absl::StrCat(
                    std::chrono::duration_cast<microseconds>(longwait).count())
              : ToText(message),
      .wait = Waits(primitive)};
  if (!IsSingle(primitive)) return driver_->Feed(std::move(call));
  driver_->Feed(kernel::Call{.token = token,
                             .dst = *call.cpus.first(),
                             .func = call.func,
                             .payload = std::move(call.payload),
                             .wait = call.wait});
}

void Torture::SubmitIo(Thread& thread) {
  Count(Primitive::kIrq, /*offline=*/false);
  const kernel::CpuId submitter = PickCpu(thread);
  const std::chrono::microseconds delay{
      thread.random() % static_cast<std::uint64_t>(kIoTimeMax.count())};
  loop_->After(delay, [this, submitter] {
    // fixup_irqs(): an offline CPU gets no device interrupts.
    if (driver_->cpu().life() == kernel::Life::kDead) return;
    driver_->Feed(kernel::DeviceIrq{submitter});
  });
}

Torture::Weights Torture::WeightsOf(const v1::Torture::Weights& w) {
  return {{{w.single(), Primitive::kSingle},
           {w.single_rpc(), Primitive::kSingleRpc},
           {w.single_wait(), Primitive::kSingleWait},
           {w.many(), Primitive::kMany},
           {w.many_wait(), Primitive::kManyWait},
           {w.all(), Primitive::kAll},
           {w.all_wait(), Primitive::kAllWait},
           {w.irq(), Primitive::kIrq}}};
}

std::uint64_t Torture::Total(const Weights& weights) {
  std::uint64_t total = 0;
  for (const auto& [weight, primitive] : weights) total += weight;
  return total;
}

Torture::Primitive Torture::Pick(Thread& thread) const {
  const Weights weights = WeightsOf(torture_.weights());
  std::uint64_t drawn = thread.random() % Total(weights);
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

// smp_call_function() calls the CPUs online but for its own. The kernel's
// torture gives smp_call_function_many() the same mask: here one is drawn, so
// that both are different calls.
kernel::CpuMask Torture::PickTargets(Thread& thread,
                                     Primitive primitive) const {
  if (IsSingle(primitive)) return {PickCpu(thread).value};
  kernel::CpuMask targets = driver_->cpu().view().online;
  targets.Remove(driver_->cpu().id());
  if (primitive == Primitive::kAll || primitive == Primitive::kAllWait) {
    return targets;
  }
  for (const kernel::CpuId cpu : targets.cpus()) {
    if (thread.random() % 2 == 0) targets.Remove(cpu);
  }
  return targets;
}

bool Torture::Rests() const {
  const auto stutter = rpc::FromDuration(torture_.stutter());
  return stutter.count() > 0 && (Clock::now() - start_) / stutter % 2 == 1;
}

bool Torture::OnQueued(kernel::Token token) {
  const auto found = tickets_.find(token);
  if (found == tickets_.end()) return false;
  Ticket& ticket = found->second;
  // A many-call is told of once for each target, of all at once.
  if (IsAsync(ticket.primitive) && std::exchange(ticket.holds_thread, false)) {
    NextAfter(ticket.thread, std::chrono::nanoseconds(0));
  }
  return true;
}

bool Torture::OnEnded(const kernel::CallEnded& ended) {
  const auto found = tickets_.find(ended.token);
  if (found == tickets_.end()) return false;
  CheckEnd(found->second, ended);
  if (--found->second.targets > 0) return true;
  const Ticket ticket = std::move(found->second);
  tickets_.erase(found);
  Thread& thread = *ticket.thread;
  if (ticket.primitive == Primitive::kSingle) thread.csd_locked = false;
  if (ticket.holds_thread || std::exchange(thread.wants_csd, false)) {
    NextAfter(ticket.thread, std::chrono::nanoseconds(0));
  }
  return true;
}

// At one of its targets.
void Torture::CheckEnd(const Ticket& ticket, const kernel::CallEnded& ended) {
  v1::TortureCounts& c = counts_;
  const bool single = IsSingle(ticket.primitive);
  const bool offline = ended.outcome == kernel::Outcome::kRefused;
  if (ended.outcome == kernel::Outcome::kLost) {
    c.set_lost(c.lost() + 1);
  } else if (ended.error == kernel::Errno::kEnobufs) {
    c.set_staf(c.staf() + 1);
  } else if (single) {
    Count(ticket.primitive, offline);
  }
  if (!single && ticket.targets == 1) {
    Count(ticket.primitive, /*offline=*/false);
  }
  if (ended.outcome == kernel::Outcome::kCompleted && Waits(ticket.primitive) &&
      ticket.check != 0 &&
      ended.result != absl::StrCat(AnswerTo(ticket.check))) {
    c.set_stnmoe(c.stnmoe() + 1);
  }
}

void Torture::Count(Primitive primitive, bool offline) {
  v1::TortureCounts& c = counts_;
  switch (primitive) {
    case Primitive::kSingle:
      return offline ? c.set_single_ofl(c.single_ofl() + 1)
                     : c.set_single(c.single() + 1);
    case Primitive::kSingleRpc:
      return offline ? c.set_single_rpc_ofl(c.single_rpc_ofl() + 1)
                     : c.set_single_rpc(c.single_rpc() + 1);
    case Primitive::kSingleWait:
      return offline ? c.set_single_wait_ofl(c.single_wait_ofl() + 1)
                     : c.set_single_wait(c.single_wait() + 1);
    case Primitive::kMany:
      return c.set_many(c.many() + 1);
    case Primitive::kManyWait:
      return c.set_many_wait(c.many_wait() + 1);
    case Primitive::kAll:
      return c.set_all(c.all() + 1);
    case Primitive::kAllWait:
      return c.set_all_wait(c.all_wait() + 1);
    case Primitive::kIrq:
      return c.set_irq(c.irq() + 1);
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
  if (!message.targets.Has(call.cpu)) counts_.set_ste(counts_.ste() + 1);
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
