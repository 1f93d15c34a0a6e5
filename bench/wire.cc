// The bare thing beside which a node is measured: the same messages on the same
// gRPC, and nothing else. One completion queue and one thread a process, as a
// node has.
//
//   belfry-wire serve                   prints its address, then serves
//   belfry-wire stream ADDRESS COUNT WINDOW
//   belfry-wire unary ADDRESS COUNT WINDOW
//   belfry-wire flood ADDRESS COUNT BATCH
//   belfry-wire star CPUS ROUNDS        five phases a round, a process a CPU
//
// Each prints one line of JSON.
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "belfry/v1/node.grpc.pb.h"
#include "bench/measure.h"

namespace belfry::bench {
namespace {

using v1::CpuService;
using Link = grpc::ServerAsyncReaderWriter<v1::LinkResponse, v1::LinkRequest>;
using ClientLink =
    grpc::ClientAsyncReaderWriter<v1::LinkRequest, v1::LinkResponse>;

// What a completion queue returns: what to do next.
using Step = std::function<void(bool ok)>;

void RunUntil(grpc::CompletionQueue& cq, const std::function<bool()>& done) {
  void* tag = nullptr;
  bool ok = false;
  while (!done() && cq.Next(&tag, &ok)) (*static_cast<Step*>(tag))(ok);
}

// ---- The server: every call of a frame is answered in one frame.

class ServedLink {
 public:
  ServedLink(CpuService::AsyncService* service, grpc::ServerCompletionQueue* cq)
      : service_(service), cq_(cq) {
    service_->RequestLink(&context_, &link_, cq_, cq_, &accepted_);
  }

 private:
  void Accepted(bool ok) {
    if (!ok) return;
    new ServedLink(service_, cq_);
    link_.Read(&request_, &read_);
  }
  void Read(bool ok) {
    if (!ok) return;
    for (const v1::Csd& csd : request_.enqueue()) {
      answer_.add_enqueued()->set_seq(csd.seq());
      answer_.add_done()->set_seq(csd.seq());
    }
    link_.Read(&request_, &read_);
    Write();
  }
  void Write() {
    if (writing_ || answer_.done().empty()) return;
    writing_ = true;
    sent_.Swap(&answer_);
    answer_.Clear();
    link_.Write(sent_, &written_);
  }
  void Written(bool ok) {
    writing_ = false;
    if (ok) Write();
  }

  CpuService::AsyncService* service_;
  grpc::ServerCompletionQueue* cq_;
  grpc::ServerContext context_;
  Link link_{&context_};
  v1::LinkRequest request_;
  v1::LinkResponse answer_;
  v1::LinkResponse sent_;
  bool writing_ = false;
  Step accepted_ = [this](bool ok) { Accepted(ok); };
  Step read_ = [this](bool ok) { Read(ok); };
  Step written_ = [this](bool ok) { Written(ok); };
};

class ServedCall {
 public:
  ServedCall(CpuService::AsyncService* service, grpc::ServerCompletionQueue* cq)
      : service_(service), cq_(cq) {
    service_->RequestKick(&context_, &request_, &reply_, cq_, cq_, &accepted_);
  }

 private:
  void Accepted(bool ok) {
    if (!ok) return;
    new ServedCall(service_, cq_);
    reply_.Finish(v1::KickResponse(), grpc::Status::OK, &finished_);
  }

  CpuService::AsyncService* service_;
  grpc::ServerCompletionQueue* cq_;
  grpc::ServerContext context_;
  v1::KickRequest request_;
  grpc::ServerAsyncResponseWriter<v1::KickResponse> reply_{&context_};
  Step accepted_ = [this](bool ok) { Accepted(ok); };
  Step finished_ = [this](bool) { delete this; };
};

int Serve() {
  CpuService::AsyncService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const auto cq = builder.AddCompletionQueue();
  const auto server = builder.BuildAndStart();
  new ServedLink(&service, cq.get());
  new ServedCall(&service, cq.get());
  std::printf("127.0.0.1:%d\n", port);
  std::fflush(stdout);
  RunUntil(*cq, [] { return false; });
  return 0;
}

// ---- The clients.

class Caller {
 public:
  // A frame carries up to `batch` calls; `window` are under way at once.
  Caller(const std::string& address, std::uint64_t count, std::uint64_t window,
         std::uint64_t batch)
      : count_(count), window_(window), batch_(batch) {
    stub_ = CpuService::NewStub(
        grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    link_ = stub_->AsyncLink(&context_, &cq_, &opened_);
  }

  void Run() {
    RunUntil(cq_, [this] { return open_; });
    start_ = Clock::now();
    link_->Read(&response_, &read_);
    Write();
    RunUntil(cq_, [this] { return ended_ >= count_; });
    Print(count_, Clock::now() - start_, std::move(nanos_));
  }

 private:
  void Write() {
    if (writing_) return;
    request_.Clear();
    while (issued_ < count_ && issued_ - ended_ < window_ &&
           static_cast<std::uint64_t>(request_.enqueue_size()) < batch_) {
      v1::Csd& csd = *request_.add_enqueue();
      csd.set_seq(++issued_);
      csd.set_function("nop");
      csd.set_wait(window_ == 1);
      begun_.push_back(Clock::now());
    }
    if (request_.enqueue().empty()) return;
    request_.set_fused(true);
    request_.set_lamport(issued_);
    writing_ = true;
    link_->Write(request_, &written_);
  }
  void Read(bool ok) {
    if (!ok) std::exit(1);
    const Clock::time_point now = Clock::now();
    for (int i = 0; i < response_.done_size(); ++i) {
      nanos_.push_back(static_cast<std::uint64_t>((now - begun_.front()) /
                                                  std::chrono::nanoseconds(1)));
      begun_.pop_front();
      ++ended_;
    }
    if (ended_ < count_) link_->Read(&response_, &read_);
    Write();
  }

  std::uint64_t count_;
  std::uint64_t window_;
  std::uint64_t batch_;
  std::unique_ptr<CpuService::Stub> stub_;
  grpc::CompletionQueue cq_;
  grpc::ClientContext context_;
  std::unique_ptr<ClientLink> link_;
  v1::LinkRequest request_;
  v1::LinkResponse response_;
  bool open_ = false;
  bool writing_ = false;
  std::uint64_t issued_ = 0;
  std::uint64_t ended_ = 0;
  std::deque<Clock::time_point> begun_;
  std::vector<std::uint64_t> nanos_;
  Clock::time_point start_;
  Step opened_ = [this](bool ok) { ok ? open_ = true : (std::exit(1), true); };
  Step read_ = [this](bool ok) { Read(ok); };
  Step written_ = [this](bool) {
    writing_ = false;
    Write();
  };
};

class UnaryCaller {
 public:
  UnaryCaller(const std::string& address, std::uint64_t count,
              std::uint64_t window)
      : count_(count), window_(window) {
    stub_ = CpuService::NewStub(
        grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  }

  void Run() {
    const Clock::time_point start = Clock::now();
    while (issued_ < count_ && issued_ < window_) Issue();
    RunUntil(cq_, [this] { return nanos_.size() >= count_; });
    Print(count_, Clock::now() - start, std::move(nanos_));
  }

 private:
  struct UnderWay {
    grpc::ClientContext context;
    v1::KickResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::KickResponse>> reader;
    Clock::time_point begun;
    Step done;
  };

  void Issue() {
    ++issued_;
    auto* call = new UnderWay;
    call->begun = Clock::now();
    call->done = [this, call](bool) {
      nanos_.push_back(static_cast<std::uint64_t>((Clock::now() - call->begun) /
                                                  std::chrono::nanoseconds(1)));
      delete call;
      if (issued_ < count_) Issue();
    };
    call->reader = stub_->AsyncKick(&call->context, v1::KickRequest(), &cq_);
    call->reader->Finish(&call->response, &call->status, &call->done);
  }

  std::uint64_t count_;
  std::uint64_t window_;
  std::unique_ptr<CpuService::Stub> stub_;
  grpc::CompletionQueue cq_;
  std::uint64_t issued_ = 0;
  std::vector<std::uint64_t> nanos_;
};

// ---- The star: a hub with a stream from each spoke. In each of five phases it
// writes to all and waits for all.

// Writes one message at a time: the answer to a message may come off the queue
// before the end of its write does. Who waits for the answer has at most one
// more.
template <typename Stream, typename Message>
class Writer {
 public:
  void Write(Stream& stream, const Message& message) {
    message_ = message;
    waiting_ = true;
    stream_ = &stream;
    if (!writing_) Start();
  }

 private:
  void Start() {
    writing_ = true;
    waiting_ = false;
    stream_->Write(message_, &written_);
  }

  Stream* stream_ = nullptr;
  Message message_;
  bool writing_ = false;
  bool waiting_ = false;
  Step written_ = [this](bool ok) {
    writing_ = false;
    if (ok && waiting_) Start();
  };
};

class Hub;

class Spoke {
 public:
  Spoke(Hub* hub, CpuService::AsyncService* service,
        grpc::ServerCompletionQueue* cq)
      : hub_(hub) {
    service->RequestLink(&context_, &link_, cq, cq, &accepted_);
  }
  void Tell(const v1::LinkResponse& message) { writer_.Write(link_, message); }

 private:
  void Accepted(bool ok);
  void Read(bool ok);

  Hub* hub_;
  grpc::ServerContext context_;
  Link link_{&context_};
  Writer<Link, v1::LinkResponse> writer_;
  v1::LinkRequest request_;
  Step accepted_ = [this](bool ok) { Accepted(ok); };
  Step read_ = [this](bool ok) { Read(ok); };
};

class Hub {
 public:
  static constexpr int kPhases = 5;

  Hub(std::uint64_t cpus, std::uint64_t rounds)
      : cpus_(cpus), phases_(rounds * kPhases) {}

  void Run() {
    CpuService::AsyncService service;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service);
    const auto cq = builder.AddCompletionQueue();
    const auto server = builder.BuildAndStart();
    std::vector<pid_t> children;
    for (std::uint64_t i = 0; i < cpus_; ++i) {
      new Spoke(this, &service, cq.get());
      children.push_back(StartSpoke(port));
    }
    RunUntil(*cq, [this] { return joined_ == cpus_; });
    const Clock::time_point start = Clock::now();
    Publish();
    RunUntil(*cq, [this] { return phase_ > phases_; });
    Print(phases_ / kPhases, Clock::now() - start, std::move(nanos_));
    for (const pid_t child : children) kill(child, SIGKILL);
    for (const pid_t child : children) waitpid(child, nullptr, 0);
    std::exit(0);
  }

  void Joined(Spoke* spoke) {
    ++joined_;
    spokes_.push_back(spoke);
  }
  void Acknowledged() {
    if (++acks_ == cpus_) Publish();
  }

 private:
  // A process of its own: gRPC and fork() do not go together.
  static pid_t StartSpoke(int port) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    const std::string address = "127.0.0.1:" + std::to_string(port);
    execl("/proc/self/exe", "belfry-wire", "spoke", address.c_str(), nullptr);
    std::_Exit(1);
  }

  void Publish() {
    acks_ = 0;
    if (phase_ % kPhases == 0) {
      const Clock::time_point now = Clock::now();
      if (phase_ > 0) {
        nanos_.push_back(static_cast<std::uint64_t>(
            (now - round_start_) / std::chrono::nanoseconds(1)));
      }
      round_start_ = now;
    }
    if (++phase_ > phases_) return;
    message_.set_lamport(phase_);
    for (Spoke* spoke : spokes_) spoke->Tell(message_);
  }

  std::uint64_t cpus_;
  std::uint64_t phases_;
  std::uint64_t joined_ = 0;
  std::uint64_t acks_ = 0;
  std::uint64_t phase_ = 0;
  std::vector<Spoke*> spokes_;
  v1::LinkResponse message_;
  std::vector<std::uint64_t> nanos_;
  Clock::time_point round_start_;
};

void Spoke::Accepted(bool ok) {
  if (!ok) return;
  hub_->Joined(this);
  link_.Read(&request_, &read_);
}

void Spoke::Read(bool ok) {
  if (!ok) return;
  link_.Read(&request_, &read_);
  hub_->Acknowledged();
}

int RunSpoke(const std::string& address) {
  grpc::CompletionQueue cq;
  grpc::ClientContext context;
  const auto stub = CpuService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  std::unique_ptr<ClientLink> link;
  Writer<ClientLink, v1::LinkRequest> writer;
  v1::LinkRequest ack;
  v1::LinkResponse state;
  bool ended = false;
  Step read = [&](bool ok) {
    if (!ok) {
      ended = true;
      return;
    }
    ack.set_lamport(state.lamport());
    writer.Write(*link, ack);
    link->Read(&state, &read);
  };
  Step opened = [&](bool ok) {
    ended = !ok;
    if (ok) link->Read(&state, &read);
  };
  link = stub->AsyncLink(&context, &cq, &opened);
  RunUntil(cq, [&] { return ended; });
  std::_Exit(0);
}

std::uint64_t Number(const char* text) {
  std::uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number == 0) {
    std::fprintf(stderr, "belfry-wire: '%s' is no number above 0\n", text);
    std::exit(2);
  }
  return number;
}

int Main(int argc, char** argv) {
  const absl::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "serve") return Serve();
  if (mode == "spoke" && argc == 3) return RunSpoke(argv[2]);
  if (mode == "star" && argc == 4) {
    Hub(Number(argv[2]), Number(argv[3])).Run();
  } else if (mode == "stream" && argc == 5) {
    Caller(argv[2], Number(argv[3]), Number(argv[4]), Number(argv[4])).Run();
  } else if (mode == "flood" && argc == 5) {
    Caller(argv[2], Number(argv[3]), 1 << 14, Number(argv[4])).Run();
  } else if (mode == "unary" && argc == 5) {
    UnaryCaller(argv[2], Number(argv[3]), Number(argv[4])).Run();
  } else {
    std::fprintf(stderr,
                 "belfry-wire: serve | stream ADDRESS COUNT WINDOW | unary "
                 "ADDRESS COUNT WINDOW | flood ADDRESS COUNT BATCH | star CPUS "
                 "ROUNDS\n");
    return 2;
  }
  std::_Exit(0);
}

}  // namespace
}  // namespace belfry::bench

int main(int argc, char** argv) { return belfry::bench::Main(argc, argv); }
