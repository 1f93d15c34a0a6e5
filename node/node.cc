#include "node/node.h"

#include <prometheus/registry.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "belfry/v1/node.grpc.pb.h"
#include "kernel/gate.h"
#include "node/calls.h"
#include "node/control_link.h"
#include "node/cpu_driver.h"
#include "node/inspect.h"
#include "node/links.h"
#include "node/load.h"
#include "node/metrics.h"
#include "node/stop_twos.h"
#include "node/torture.h"
#include "rpc/address.h"
#include "rpc/async_call.h"
#include "rpc/channel.h"
#include "rpc/codec.h"
#include "rpc/files.h"
#include "rpc/http_server.h"
#include "rpc/log.h"
#include "rpc/server.h"
#include "rpc/status.h"
#include "rpc/unary.h"

namespace belfry::node {
namespace {

using Service = v1::CpuService::AsyncService;

// One timer for all that is looked at now and then: hundreds of idle nodes run
// on a host, and each timer wakes three threads.
constexpr std::chrono::milliseconds kBeat{100};
// So many beats without a change are reported, too.
constexpr int kBeatsMax = 10;
constexpr std::chrono::seconds kTidyEvery{10};
// A CPU that does not get offline by hotplug in this time ends all the same.
constexpr std::chrono::seconds kOfflineGrace{5};
// An end that comes sooner waits no longer than this for the answer.
constexpr std::chrono::milliseconds kOfflineSlice{250};
// What a coordinator has time to let a process go.
constexpr std::chrono::milliseconds kLeaveGrace{500};
constexpr std::chrono::milliseconds kServerGrace{200};
constexpr std::uint32_t kInspectEntriesMax = 10'000;

// Rises from process to process, as long as nobody sets the clock back; then
// the coordinator draws a higher one.
std::uint64_t DrawIncarnation() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(
          std::chrono::system_clock::now().time_since_epoch())
          .count());
}

}  // namespace

// Everything of the process; on the loop's thread once it runs.
class Node::Process : public Outlet {
 public:
  Process(Options options, Functions functions)
      : options_(std::move(options)),
        functions_(std::move(functions)),
        incarnation_{DrawIncarnation()},
        gates_(options_.gates) {}

  absl::Status Listen();
  absl::Status Run();
  void BeginStop();
  bool runs_function() const { return driver_ && driver_->runs_function(); }
  rpc::Loop& loop() { return server_->loop(); }

  // Outlet.
  void Send(const kernel::SendEnqueue& m) override { links_->Send(m); }
  void Send(const kernel::SendEnqueued& m) override { links_->Send(m); }
  void Send(const kernel::SendDone& m) override { links_->Send(m); }
  void Send(const kernel::SendRing& m) override { links_->Send(m); }
  void Send(const kernel::SendLatched& m) override { links_->Send(m); }
  void Send(const kernel::SendStopTwo& m) override { links_->Send(m); }
  void Send(const kernel::SendStopTwoReport& m) override { links_->Send(m); }
  void Tell(const kernel::FromCpu& message) override {
    control_->Send(rpc::ToProto(message));
  }
  void OnLinkUp(const kernel::LinkUp& up) override {
    if (!up.inbound) links_->OnTold(up.peer);
  }
  void OnCallQueued(const kernel::CallQueued& queued) override {
    if (!torture_->OnQueued(queued.token)) calls_->OnQueued(queued);
  }
  void OnCallEnded(const kernel::CallEnded& ended) override {
    if (torture_->OnEnded(ended) || stop_twos_->OnEnded(ended)) return;
    calls_->OnEnded(ended);
  }
  void OnTrace(const kernel::TraceEvent& event) override;
  void Flush() override { links_->Flush(); }

 private:
  // The first time nobody can have held the gate: there is no CPU yet.
  void PassAttach(std::function<void()> go);
  v1::NodeHello Hello() const;
  void OnMessage(v1::CoordinatorMessage& message);
  absl::Status Activate(const v1::Welcome& welcome);
  void Serve();
  void ServeLoad();
  void ServeTorture();
  void ServeAct();
  void ServeBreakLink();
  void SetCanary(const v1::SetCanary& canary);
  void Beat();
  void Report(v1::NodeReport now);
  void Tidy();
  void LogStop(const std::string& what) const;
  void AskForOffline();
  void AwaitOffline(std::uint32_t operation);
  void End(absl::Status status);
  void ShutDown();

  Options options_;
  Functions functions_;
  kernel::Incarnation incarnation_;
  rpc::Gates gates_;
  rpc::LamportClock clock_;
  Service service_;
  std::shared_ptr<prometheus::Registry> registry_ =
      std::make_shared<prometheus::Registry>();
  std::shared_ptr<rpc::MetricsPage> metrics_page_ =
      std::make_shared<rpc::MetricsPage>();
  std::unique_ptr<rpc::HttpServer> http_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<ControlLink> control_;
  // There from the coordinator's first welcome on.
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<Calls> calls_;
  std::unique_ptr<StopTwos> stop_twos_;
  std::unique_ptr<Load> load_;
  std::unique_ptr<Torture> torture_;
  std::unique_ptr<CpuDriver> driver_;

  // From a canary's injection to its end.
  std::optional<std::chrono::system_clock::time_point> canary_;
  std::chrono::steady_clock::time_point canary_end_;

  std::string last_report_;
  int beats_without_report_ = 0;

  std::unique_ptr<v1::CoordinatorService::Stub> offline_stub_;
  bool stopping_ = false;
  bool ended_ = false;
  bool shut_down_ = false;
  absl::Status result_;
};

absl::Status Node::Process::Listen() {
  metrics_page_->Add(registry_);
  rpc::Listener::CountIn(registry_.get());
  auto http = rpc::HttpServer::Start(options_.metrics_listen,
                                     {rpc::MetricsRoute(metrics_page_)});
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  auto server = rpc::Server::Start(
      options_.listen, {{v1::CpuService::service_full_name(), &service_}});
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  control_ = std::make_unique<ControlLink>(
      &loop(), &clock_, options_.coordinators,
      ControlLink::Callbacks{
          .hello = [this] { return Hello(); },
          .on_message = [this](v1::CoordinatorMessage& m) { OnMessage(m); },
          .on_lost =
              [this] {
                if (driver_) driver_->Feed(kernel::CoordinatorLost{});
              },
          .on_attach =
              [this](std::function<void()> go) { PassAttach(std::move(go)); },
          .on_left = [this] { ShutDown(); }});
  return absl::OkStatus();
}

absl::Status Node::Process::Run() {
  loop().Post([this] { control_->Connect(); });
  loop().Run();
  return result_;
}

void Node::Process::PassAttach(std::function<void()> go) {
  if (!driver_) return go();
  gates_.Pass("attach", absl::StrCat("attach ", driver_->cpu().id().value),
              std::move(go));
}

v1::NodeHello Node::Process::Hello() const {
  v1::NodeHello hello;
  if (driver_) {
    hello.set_cpu(driver_->cpu().id().value);
    const kernel::CpuStatus status = driver_->cpu().status();
    hello.set_life(std::string(kernel::LifeName(status.life)));
    hello.set_view_number(status.view_number);
    hello.set_stop_generation(status.stop_generation.value);
    hello.set_stop_ran(status.stop_ran);
    hello.set_report_owed(status.report_owed);
    hello.set_readers(status.readers);
  } else if (options_.cpu) {
    hello.set_cpu(*options_.cpu);
  }
  hello.set_incarnation(incarnation_.value);
  hello.set_address(
      rpc::ReachableAddress(options_.advertise, server_->address()));
  hello.set_metrics_address(
      rpc::ReachableAddress(options_.advertise_metrics, http_->address()));
  hello.set_pid(::getpid());
  for (const std::string& name : functions_.names()) hello.add_functions(name);
  return hello;
}

void Node::Process::OnMessage(v1::CoordinatorMessage& message) {
  if (message.has_rejected()) {
    return End(absl::FailedPreconditionError(absl::StrCat(
        message.rejected().errno_name(), ": ", message.rejected().message())));
  }
  if (message.has_welcome()) {
    if (driver_) return;
    const absl::Status status = Activate(message.welcome());
    if (!status.ok()) End(status);
    return;
  }
  if (!driver_) return;
  if (message.has_peers()) return links_->SetPeers(message.peers());
  if (message.has_set_canary()) return SetCanary(message.set_canary());
  auto order = rpc::FromProto(message);
  if (!order.ok()) {
    rpc::Log(rpc::Level::kError, "node", order.status().message());
    return;
  }
  std::visit([this](auto& m) { driver_->Feed(std::move(m)); }, *order);
}

absl::Status Node::Process::Activate(const v1::Welcome& welcome) {
  auto profile = rpc::FromProto(welcome.profile());
  if (!profile.ok()) return profile.status();
  incarnation_ = kernel::Incarnation{welcome.incarnation()};
  const kernel::CpuConfig config{.id = kernel::CpuId{welcome.cpu()},
                                 .incarnation = incarnation_,
                                 .profile = *std::move(profile),
                                 .split_doorbell = welcome.split_doorbell(),
                                 .queue_capacity = welcome.queue_capacity()};
  // Before the metrics, which have a series for every function.
  absl::Status registered = functions_.Register(
      "read_state", Duration::kShort, [this](const FunctionCall&) {
        return FunctionResult{.payload = DescribeState(*driver_)};
      });
  registered.Update(functions_.Register(
      Torture::kHandler, Duration::kShort,
      [this](const FunctionCall& call) { return torture_->Handle(call); }));
  if (!registered.ok()) return registered;
  metrics_ = std::make_unique<Metrics>(registry_.get(), config,
                                       welcome.possible_cpus(), functions_);
  metrics_page_->Add(metrics_->pairs());
  links_ =
      std::make_unique<Links>(&loop(), &clock_, &functions_, registry_.get());
  driver_ = std::make_unique<CpuDriver>(
      config, options_.trace_events,
      CpuDriver::Times{
          .csd_lock_timeout = rpc::FromDuration(welcome.csd_lock_timeout()),
          .stop_lease = rpc::FromDuration(welcome.stop_lease())},
      CpuDriver::Surroundings{&loop(), &gates_, &clock_, &functions_, this});
  calls_ =
      std::make_unique<Calls>(&loop(), driver_.get(), welcome.possible_cpus());
  stop_twos_ = std::make_unique<StopTwos>(&loop(), driver_.get(),
                                          welcome.possible_cpus());
  load_ =
      std::make_unique<Load>(&loop(), driver_.get(), welcome.possible_cpus());
  torture_ = std::make_unique<Torture>(&loop(), driver_.get(),
                                       welcome.possible_cpus());
  Serve();
  rpc::Log(rpc::Level::kInfo, absl::StrCat("cpu/", welcome.cpu()),
           absl::StrCat("attached as incarnation ", incarnation_.value, ", ",
                        server_->address()));
  if (options_.address_file.empty()) return absl::OkStatus();
  return rpc::WriteAddressFile(options_.address_file, server_->address(),
                               http_->address());
}

void Node::Process::Serve() {
  links_->Start(driver_.get(), &service_, server_->cq());
  rpc::ServeUnary<Service>(&service_, &Service::RequestCall, server_->cq(),
                           [this](const v1::CallRequest& request, auto reply) {
                             calls_->Start(request, std::move(reply));
                           });
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestStopTwo, server_->cq(),
      [this](const v1::StopTwoRequest& request, auto reply) {
        stop_twos_->Start(request, std::move(reply));
      });
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestInspect, server_->cq(),
      [this](const v1::InspectRequest& request, auto reply) {
        v1::InspectResponse response;
        const std::uint32_t max =
            request.max_entries() == 0
                ? kInspectEntriesMax
                : std::min(request.max_entries(), kInspectEntriesMax);
        *response.mutable_snapshot() = Snapshot(*driver_, clock_, max);
        reply->Finish(response);
      });
  rpc::ServeUnary<Service>(&service_, &Service::RequestKick, server_->cq(),
                           [this](const v1::KickRequest&, auto reply) {
                             v1::KickResponse response;
                             response.set_depth(static_cast<std::uint32_t>(
                                 driver_->cpu().queue().size()));
                             driver_->Feed(kernel::OperatorKick{});
                             reply->Finish(response);
                           });
  ServeLoad();
  ServeTorture();
  ServeAct();
  ServeBreakLink();
  server_->ServeDebug(
      {.gates = &gates_,
       .clock = &clock_,
       .parse_gate =
           [this](const std::string& name) {
             return kernel::ParseCpuGate(
                 name, kernel::CpuhpTable(driver_->cpu().profile().steps));
           },
       .read_trace =
           [this](std::uint64_t after) {
             return driver_->trace().Read(after, [this](kernel::FuncId id) {
               return functions_.NameOf(id);
             });
           }});
  server_->SetServing(true);
  Beat();
  Tidy();
}

void Node::Process::ServeAct() {
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestAct, server_->cq(),
      [this](const v1::ActRequest& request, auto reply) {
        absl::StatusOr<kernel::CpuEvent> event = rpc::FromProto(request.act());
        if (!event.ok()) {
          return reply->Fail(rpc::ErrorStatus(
              kernel::Errno::kEinval, std::string(event.status().message())));
        }
        driver_->Feed(*std::move(event));
        reply->Finish(v1::ActResponse());
      });
}

void Node::Process::ServeBreakLink() {
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestBreakLink, server_->cq(),
      [this](const v1::BreakLinkRequest& request, auto reply) {
        if (!gates_.enabled()) {
          return reply->Fail(rpc::ErrorStatus(
              grpc::StatusCode::FAILED_PRECONDITION, "GATES_OFF",
              "links are broken only in a process started with --gates"));
        }
        if (request.has_cpu()) {
          links_->Break(kernel::CpuId{request.cpu()});
        } else {
          control_->Break();
        }
        reply->Finish(v1::BreakLinkResponse());
      });
}

void Node::Process::ServeLoad() {
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestSetLoad, server_->cq(),
      [this](const v1::SetLoadRequest& request, auto reply) {
        if (!request.has_load()) {
          load_->Stop();
        } else if (const absl::Status status = load_->Set(request.load());
                   !status.ok()) {
          return reply->Fail(rpc::ErrorStatus(kernel::Errno::kEinval,
                                              std::string(status.message())));
        }
        v1::SetLoadResponse response;
        *response.mutable_status() = load_->status();
        reply->Finish(response);
      });
  rpc::ServeUnary<Service>(&service_, &Service::RequestGetLoad, server_->cq(),
                           [this](const v1::GetLoadRequest&, auto reply) {
                             v1::GetLoadResponse response;
                             *response.mutable_status() = load_->status();
                             reply->Finish(response);
                           });
}

void Node::Process::ServeTorture() {
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestSetTorture, server_->cq(),
      [this](const v1::SetTortureRequest& request, auto reply) {
        if (!request.has_torture()) {
          torture_->Stop();
        } else if (const absl::Status status = torture_->Set(request.torture());
                   !status.ok()) {
          return reply->Fail(rpc::ErrorStatus(kernel::Errno::kEinval,
                                              std::string(status.message())));
        }
        v1::SetTortureResponse response;
        *response.mutable_status() = torture_->status();
        reply->Finish(response);
      });
  rpc::ServeUnary<Service>(&service_, &Service::RequestGetTorture,
                           server_->cq(),
                           [this](const v1::GetTortureRequest&, auto reply) {
                             v1::GetTortureResponse response;
                             *response.mutable_status() = torture_->status();
                             reply->Finish(response);
                           });
}

void Node::Process::OnTrace(const kernel::TraceEvent& event) {
  metrics_->Apply(event, *driver_);
  torture_->OnTrace(event);
  if (event.kind == kernel::TraceKind::kDeviceIrq) load_->OnDeviceIrq();
  if (event.kind == kernel::TraceKind::kCsdLockStuck) {
    rpc::Log(
        rpc::Level::kWarning, absl::StrCat("cpu/", driver_->cpu().id().value),
        absl::StrCat("csd: Detected non-responsive CSD lock on CPU#",
                     driver_->cpu().id().value, ", waiting for CPU#",
                     event.about->value, " ", functions_.NameOf(event.func)));
  }
}

// ---- Timers.

void Node::Process::SetCanary(const v1::SetCanary& canary) {
  const auto lifetime = rpc::FromDuration(canary.lifetime());
  canary_.reset();
  if (lifetime.count() <= 0) return;
  canary_ = std::chrono::system_clock::now();
  canary_end_ = std::chrono::steady_clock::now() + lifetime;
}

// What is new at once (within a beat), what is not now and then: a report also
// says that the CPU is there.
void Node::Process::Report(v1::NodeReport now) {
  if (std::chrono::steady_clock::now() >= canary_end_) canary_.reset();
  if (canary_) *now.mutable_canary_time() = rpc::ToTimestamp(*canary_);
  v1::NodeMessage message;
  *message.mutable_report() = std::move(now);
  std::string report = message.report().SerializeAsString();
  // A coordinator that stands gets the newest when it takes one, and not all
  // that there were meanwhile.
  const bool due =
      report != last_report_ || ++beats_without_report_ >= kBeatsMax;
  if (due && control_->idle()) {
    last_report_ = std::move(report);
    beats_without_report_ = 0;
    control_->Send(std::move(message));
  }
}

void Node::Process::Beat() {
  if (const auto set = driver_->FollowClock(); set.count() != 0) {
    metrics_->OnClockSet();
    rpc::Log(rpc::Level::kWarning,
             absl::StrCat("cpu/", driver_->cpu().id().value),
             absl::StrCat("the host's clock was set ",
                          std::chrono::duration<double>(set).count(),
                          " s on; the ages of calls are kept"));
  }
  driver_->Watch();
  v1::NodeReport now = node::Report(*driver_);
  metrics_->Refresh(now, *driver_);
  Report(std::move(now));
  loop().After(kBeat, [this] { Beat(); });
}

void Node::Process::Tidy() {
  links_->Tidy();
  loop().After(kTidyEvery, [this] { Tidy(); });
}

// ---- The end.

void Node::Process::BeginStop() {
  // On its way up or down it goes when it has arrived.
  const bool parked = !driver_ || driver_->cpu().life() == kernel::Life::kDead;
  if (std::exchange(stopping_, true) || parked) return End(absl::OkStatus());
  LogStop("asked to end: going offline first");
  AskForOffline();
  loop().After(kOfflineGrace, [this] { End(absl::OkStatus()); });
}

// A CPU that goes by SIGTERM goes by hotplug, so that nothing is lost. Where
// that is refused (the last CPU) or nobody answers, it ends all the same.
void Node::Process::LogStop(const std::string& what) const {
  rpc::Log(rpc::Level::kInfo, absl::StrCat("cpu/", driver_->cpu().id().value),
           what);
}

void Node::Process::AskForOffline() {
  offline_stub_ = v1::CoordinatorService::NewStub(
      rpc::OpenChannel(control_->coordinator()));
  rpc::AsyncCall<v1::OfflineCpuResponse>::Run(
      &loop(),
      [this](grpc::ClientContext* context) {
        v1::OfflineCpuRequest request;
        request.set_cpu(driver_->cpu().id().value);
        return offline_stub_->PrepareAsyncOfflineCpu(context, request,
                                                     loop().cq());
      },
      kOfflineGrace,
      [this](const grpc::Status& status, const v1::OfflineCpuResponse& reply) {
        if (ended_) return;
        if (!status.ok()) {
          LogStop(absl::StrCat("not taken offline (", status.error_message(),
                               "): ends all the same"));
          return End(absl::OkStatus());
        }
        AwaitOffline(reply.operation().id());
      });
}

// The process stays until the operation has ended, not just until its CPU is
// dead: the coordinator must hear of that from this process. Refused or not,
// then it goes.
void Node::Process::AwaitOffline(std::uint32_t operation) {
  rpc::AsyncCall<v1::WaitOperationResponse>::Run(
      &loop(),
      [this, operation](grpc::ClientContext* context) {
        v1::WaitOperationRequest request;
        request.set_id(operation);
        *request.mutable_timeout() = rpc::ToDuration(kOfflineSlice);
        return offline_stub_->PrepareAsyncWaitOperation(context, request,
                                                        loop().cq());
      },
      kOfflineGrace,
      [this, operation](const grpc::Status& status,
                        const v1::WaitOperationResponse& m) {
        if (ended_) return;
        if (status.ok() && !m.operation().done()) {
          AwaitOffline(operation);
        } else {
          End(absl::OkStatus());
        }
      });
}

// The coordinator hears of the end first, so that whoever sees this process
// gone finds its CPU number free.
void Node::Process::End(absl::Status status) {
  if (std::exchange(ended_, true)) return;
  result_ = std::move(status);
  server_->SetServing(false);
  loop().After(kLeaveGrace, [this] { ShutDown(); });
  control_->Leave();
}

void Node::Process::ShutDown() {
  if (std::exchange(shut_down_, true)) return;
  if (driver_) {
    std::uint64_t left = driver_->cpu().queue().size();
    if (left > 0) {
      rpc::Log(rpc::Level::kWarning,
               absl::StrCat("cpu/", driver_->cpu().id().value),
               absl::StrCat(left, " queued calls are lost with this process"));
    }
  }
  control_->Stop();
  if (links_) links_->Stop();
  server_->Shutdown(kServerGrace);
}

// ---- The public face.

Node::Node(std::unique_ptr<Process> process) : process_(std::move(process)) {}
Node::~Node() = default;

absl::StatusOr<std::unique_ptr<Node>> Node::Start(Options options,
                                                  Functions functions) {
  auto process =
      std::make_unique<Process>(std::move(options), std::move(functions));
  const absl::Status status = process->Listen();
  if (!status.ok()) return status;
  return std::unique_ptr<Node>(new Node(std::move(process)));
}

absl::Status Node::Run() { return process_->Run(); }

bool Node::runs_function() const { return process_->runs_function(); }

void Node::Stop() {
  process_->loop().Post([process = process_.get()] { process->BeginStop(); });
}

}  // namespace belfry::node
