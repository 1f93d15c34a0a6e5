#include "coordinator/process.h"

#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/process_impl.h"
#include "coordinator/sqlite_store.h"
#include "coordinator/web.h"
#include "kernel/event_text.h"
#include "kernel/gate.h"
#include "rpc/address.h"
#include "rpc/codec.h"
#include "rpc/files.h"
#include "rpc/log.h"
#include "rpc/status.h"
#include "trace/operation_text.h"

namespace belfry::coordinator {
namespace {

using kernel::CpuId;
using kernel::Errno;
using kernel::OpId;

// CORE_SYNC waits 10 s for a CPU's part of the handshake.
constexpr std::chrono::seconds kHandoff{10};
// What a restarted coordinator waits for CPUs that it knew.
constexpr std::chrono::seconds kRecovery{3};
constexpr std::chrono::milliseconds kServerGrace{200};
// Gauges are read every few seconds at most; counters are counted as it
// happens.
constexpr std::chrono::milliseconds kRefreshEvery{100};
// CPUs that come by the dozen leave room in the queue for people's operations.
constexpr std::size_t kAutoOnlineQueue = 16;
constexpr std::chrono::milliseconds kAutoOnlineEvery{50};

}  // namespace

Process::Impl::Impl(Options options)
    : options_(std::move(options)),
      gates_(options_.gates),
      trace_(std::nullopt, kernel::Incarnation{}, rpc::kTraceEvents),
      leader_gauge_(AddIdentity(registry_.get(), options_.profile)) {}

absl::Status Process::Impl::Open() {
  std::unique_ptr<Journal> journal;
  if (!options_.etcd) {
    auto store = SqliteStore::Open(options_.state_dir);
    if (!store.ok()) return store.status();
    auto opened =
        Journal::Open(*std::move(store), options_.profile, options_.cpus);
    if (!opened.ok()) return opened.status();
    journal = *std::move(opened);
  }
  rpc::Listener::CountIn(registry_.get());
  auto server = rpc::Server::Start(
      options_.listen,
      {{v1::CoordinatorService::service_full_name(), &service_}});
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  auto http = rpc::HttpServer::Start(
      options_.metrics_listen,
      WebRoutes(&loop(), registry_,
                {.state = [this] { return DescribeAll(); },
                 .on_canary_detected = [this] { return OnCanaryDetected(); }}));
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  metrics_address_.emplace(options_.advertise_metrics, http_->address());
  nodes_ = std::make_unique<Nodes>(
      &loop(), &clock_, options_.cpus, registry_.get(),
      Nodes::Callbacks{
          .check_leads = [this] { return CheckLeads(); },
          .feed = [this](kernel::CoordinatorEvent e) { Feed(std::move(e)); },
          .welcome = [this](CpuId cpu) { return Welcome(cpu); },
          .view_number = [this] { return machine_->view().number; },
          .number_for =
              [this](kernel::Incarnation incarnation) {
                return NumberFor(incarnation);
              },
          .incarnation_of =
              [this](CpuId cpu) {
                return machine_->cpus().at(cpu).incarnation;
              },
          .on_claimed =
              [this](CpuId cpu, kernel::Incarnation incarnation) {
                OnClaimed(cpu, incarnation);
              },
          .on_rejected =
              [this](const absl::Status& why) { metrics_->OnRejected(why); },
          .say = [this](
                     rpc::Level level,
                     const std::string& text) { events_.Add(level, text); }});
  Serve();
  if (journal) {
    Lead(std::move(journal));
    return absl::OkStatus();
  }
  election_ = std::make_unique<Election>(
      &loop(), *options_.etcd, options_.leader_lease,
      rpc::ReachableAddress(options_.advertise, server_->address()),
      Election::Callbacks{
          .on_elected =
              [this](std::unique_ptr<Store> store) {
                auto opened = Journal::Open(std::move(store), options_.profile,
                                            options_.cpus);
                if (!opened.ok()) return End(opened.status());
                Lead(*std::move(opened));
                Beat();
              },
          .on_lost = [this](absl::Status why) { End(std::move(why)); },
          .say = [this](
                     rpc::Level level,
                     const std::string& text) { events_.Add(level, text); }});
  return absl::OkStatus();
}

void Process::Impl::Lead(std::unique_ptr<Journal> journal) {
  journal_ = std::move(journal);
  machine_ = std::make_unique<kernel::Coordinator>(
      options_.profile, options_.cpus, journal_->recovery());
  operations_ = std::make_unique<Operations>(
      journal_->last_op(), machine_.get(),
      [this](const kernel::Operation& op) { return DescribeOp(op); });
  metrics_ =
      std::make_unique<Metrics>(registry_.get(), *machine_, journal_->epoch());
  nodes_->SetFences(journal_->fences());
  leader_gauge_->Set(1);
  server_->SetServing(true);
  RefreshMetrics();
  loop().After(kRecovery, [this] { EndRecovery(); });
  events_.Add(rpc::Level::kInfo,
              absl::StrCat("leads in epoch ", journal_->epoch(), ": ",
                           options_.cpus, " possible CPUs, profile ",
                           options_.profile.name, ", ", server_->address()));
}

grpc::Status Process::Impl::CheckLeads() const {
  return leads() ? grpc::Status::OK : rpc::NotLeader(election_->leader());
}

void Process::Impl::Beat() {
  nodes_->Beat();
  loop().After(std::chrono::milliseconds(options_.leader_lease) / 4,
               [this] { Beat(); });
}

absl::Status Process::Impl::Run() {
  if (election_) election_->Start();
  if (!options_.address_file.empty()) {
    const absl::Status written = rpc::WriteAddressFile(
        options_.address_file, server_->address(), http_->address());
    if (!written.ok()) End(written);
  }
  loop().Run();
  if (election_) election_->Resign();
  return result_;
}

// Who has not come back by now may not come back later either.
void Process::Impl::EndRecovery() {
  for (const auto& [cpu, record] : std::map(machine_->cpus())) {
    if (record.incarnation.value == 0 || nodes_->attached(cpu)) continue;
    Feed(kernel::ProcessLost{cpu, record.incarnation});
  }
  Feed(kernel::RecoveryTimeout{});
}

void Process::Impl::End(absl::Status status) {
  if (std::exchange(ended_, true)) return;
  result_ = std::move(status);
  server_->SetServing(false);
  if (election_) election_->Stop();
  nodes_->Stop();
  server_->Shutdown(kServerGrace);
}

// ---- The machine.

void Process::Impl::Feed(kernel::CoordinatorEvent event) {
  if (gates_.enabled()) {
    const std::string gate = kernel::GateOf(event);
    if (!gate.empty()) {
      gates_.Pass(gate, kernel::EventText(event),
                  [this, event] { Deliver(event); });
      return;
    }
  }
  Deliver(std::move(event));
}

void Process::Impl::Deliver(kernel::CoordinatorEvent event) {
  mailbox_.push_back(std::move(event));
  if (stepping_) return;
  stepping_ = true;
  while (!mailbox_.empty() && !ended_ && leads()) {
    kernel::CoordinatorEvent next = std::move(mailbox_.front());
    mailbox_.pop_front();
    const auto* lost = std::get_if<kernel::ProcessLost>(&next);
    if (lost != nullptr && !Bury(*lost)) continue;
    kernel::CoordinatorEffects effects;
    machine_->Step(std::move(next), effects);
    for (kernel::CoordinatorEffect& effect : effects) CarryOut(effect);
  }
  stepping_ = false;
}

// Journaled before anybody hears of it: a process that was declared dead may
// not come back to a successor either.
bool Process::Impl::Bury(const kernel::ProcessLost& lost) {
  if (!nodes_->Bury(lost)) return false;
  const absl::Status status = journal_->WriteFence(lost.cpu, lost.incarnation);
  if (!status.ok()) End(status);
  return status.ok();
}

void Process::Impl::CarryOut(kernel::CoordinatorEffect& effect) {
  std::visit([this](auto& e) { On(e); }, effect);
}

// A leg that cannot be written must not begin: the process ends, and what was
// journaled before is what its successor goes by.
void Process::Impl::On(kernel::JournalLeg& e) {
  const auto record = machine_->cpus().find(e.op.cpu);
  const bool walks =
      e.op.kind != kernel::OpKind::kStop && record != machine_->cpus().end();
  const absl::Status status =
      journal_->WriteLeg(e, walks ? &record->second : nullptr);
  if (!status.ok()) return End(status);
  Feed(kernel::Journaled{e.op.id, e.op.leg});
}

void Process::Impl::On(kernel::JournalView& e) {
  const absl::Status status = journal_->WriteView(e.view);
  if (!status.ok()) End(status);
}

void Process::Impl::On(kernel::TellCpu& e) {
  nodes_->Send(e.cpu, machine_->cpus().at(e.cpu).incarnation, e.message);
}

void Process::Impl::On(kernel::AwaitReaders& e) {
  Feed(kernel::SleepOnLock{e.op});
}

void Process::Impl::On(kernel::AdvanceStop& e) {
  Feed(kernel::PublishState{e.generation, e.state});
}

// Who holds the machine at its gates holds its time as well.
void Process::Impl::On(kernel::StartStopTick& e) {
  if (gates_.enabled()) return;
  loop().After(options_.stop_lease / 2,
               [this, round = e.generation] { Feed(kernel::StopTick{round}); });
}

void Process::Impl::On(kernel::StartHandoff& e) {
  loop().After(kHandoff, [this, op = e.op, leg = e.leg] {
    Feed(kernel::HandoffTimeout{op, leg});
  });
}

void Process::Impl::On(kernel::OpEnded& e) {
  operations_->End(e.op);
  if (e.refused) refused_ = e.op;
  const auto op = operations_->Get(e.op.id);
  if (!op) return;
  metrics_->OnOpEnded(*op);
  if (e.refused) return;
  events_.Add(
      e.op.error == Errno::kOk ? rpc::Level::kInfo : rpc::Level::kWarning,
      absl::StrCat("operation ", op->id(), ": ", trace::OutcomeText(*op)));
}

void Process::Impl::On(kernel::CoordinatorTrace& e) {
  metrics_->OnTrace(e.event);
  trace_.Add(clock_.Tick(), std::chrono::system_clock::now(),
             std::move(e.event));
}

absl::StatusOr<CpuId> Process::Impl::NumberFor(
    kernel::Incarnation incarnation) const {
  for (const auto& [cpu, record] : machine_->cpus()) {
    if (record.incarnation == incarnation) return cpu;
  }
  if (machine_->recovering()) {
    return absl::UnavailableError(
        "CPUs may come back to a coordinator that was restarted");
  }
  for (const auto& [cpu, record] : machine_->cpus()) {
    if (record.incarnation.value == 0 && !nodes_->attached(cpu)) return cpu;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("all CPU numbers, 0-", options_.cpus - 1, ", are taken"));
}

void Process::Impl::OnClaimed(CpuId cpu, kernel::Incarnation incarnation) {
  kernel::CpuRecord record = machine_->cpus().at(cpu);
  // Not one that only lost its link: its CPU may be offline on purpose.
  if (options_.auto_online && record.incarnation != incarnation) {
    loop().Post([this, cpu] { BringOnline(cpu); });
  }
  record.incarnation = incarnation;
  const absl::Status status = journal_->WriteCpu(cpu, record);
  if (!status.ok()) End(status);
}

// Journaled, so that no successor gives the number to another operation, while
// somebody still waits for this one.
OpId Process::Impl::DrawOp(const std::string& request_id) {
  const OpId id = operations_->Begin(request_id);
  const absl::Status status = journal_->WriteLastOp(id);
  if (!status.ok()) End(status);
  return id;
}

void Process::Impl::BringOnline(CpuId cpu) {
  if (!nodes_->attached(cpu) || machine_->view().online.Has(cpu)) return;
  const bool waits =
      machine_->recovering() || machine_->queued().size() >= kAutoOnlineQueue;
  if (waits) {
    loop().After(kAutoOnlineEvery, [this, cpu] { BringOnline(cpu); });
  } else {
    Feed(kernel::Request{
        .id = DrawOp(""), .kind = kernel::OpKind::kOnline, .cpu = cpu});
  }
}

v1::Welcome Process::Impl::Welcome(CpuId cpu) const {
  v1::Welcome welcome;
  welcome.set_cpu(cpu.value);
  *welcome.mutable_profile() = rpc::ToProto(options_.profile);
  *welcome.mutable_view() = rpc::ToProto(machine_->view());
  welcome.set_possible_cpus(options_.cpus);
  welcome.set_queue_capacity(options_.queue_capacity);
  *welcome.mutable_csd_lock_timeout() =
      rpc::ToDuration(options_.csd_lock_timeout);
  welcome.set_split_doorbell(options_.split_doorbell);
  *welcome.mutable_stop_lease() = rpc::ToDuration(options_.stop_lease);
  if (election_) {
    *welcome.mutable_leader_lease() = rpc::ToDuration(options_.leader_lease);
  }
  return welcome;
}

void Process::Impl::RefreshMetrics() {
  for (const auto& [cpu, record] : machine_->cpus()) {
    metrics_->Refresh(DescribeCpu(cpu));
  }
  if (machine_->current()) {
    const auto op = operations_->Get(machine_->current()->id);
    metrics_->SetInProgress(op ? &*op : nullptr);
  } else {
    metrics_->SetInProgress(nullptr);
  }
  const v1::Canary canary = DescribeCanary();
  metrics_->RefreshCanary(canary.has_time() ? &canary.time() : nullptr);
  loop().After(kRefreshEvery, [this] { RefreshMetrics(); });
}

// ---- The public face.

Process::Process(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Process::~Process() = default;

absl::StatusOr<std::unique_ptr<Process>> Process::Start(Options options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  const absl::Status status = impl->Open();
  if (!status.ok()) return status;
  return std::unique_ptr<Process>(new Process(std::move(impl)));
}

absl::Status Process::Run() { return impl_->Run(); }

void Process::Stop() {
  impl_->loop().Post([impl = impl_.get()] { impl->End(absl::OkStatus()); });
}

}  // namespace belfry::coordinator
