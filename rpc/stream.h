// The two ends of a long-lived bidirectional stream on a loop: one read and one
// write in flight, and what is written meanwhile is gathered by the user, who
// is asked for the next message when the wire is free.
#ifndef BELFRY_RPC_STREAM_H_
#define BELFRY_RPC_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <utility>

#include "rpc/loop.h"

namespace belfry::rpc {

// What a stream tells its user, on the loop's thread.
template <typename In, typename Out>
class StreamUser {
 public:
  virtual ~StreamUser() = default;
  virtual void OnOpen() = 0;
  virtual void OnMessage(In& message) = 0;
  // The wire is free: fill `message` with all that is to be said now and return
  // true, or return false.
  virtual bool NextMessage(Out* message) = 0;
  // Once, at the end; nothing follows.
  virtual void OnClosed(const grpc::Status& status) = 0;
};

// The client's end.
template <typename Out, typename In>
class ClientStream
    : public std::enable_shared_from_this<ClientStream<Out, In>> {
 public:
  using User = StreamUser<In, Out>;
  using Wire = grpc::ClientAsyncReaderWriter<Out, In>;

  explicit ClientStream(User* user) : user_(user) {}

  // `start` is the stub's PrepareAsync<Method>, bound to the queue.
  void Start(
      const std::function<std::unique_ptr<Wire>(grpc::ClientContext*)>& start) {
    wire_ = start(&context_);
    wire_->StartCall(opened_.Arm(this->shared_from_this()));
  }

  // The user has something to say.
  void Wake() {
    if (!open_ || failed_ || written_.armed()) return;
    out_.Clear();
    if (!user_ || !user_->NextMessage(&out_)) return;
    wire_->Write(out_, written_.Arm(this->shared_from_this()));
  }

  // No more calls of the user; the stream dies by itself.
  void Abandon() {
    user_ = nullptr;
    context_.TryCancel();
  }

 private:
  void OnOpened(bool ok) {
    if (!ok) return Fail();
    open_ = true;
    if (user_) user_->OnOpen();
    wire_->Read(&in_, read_.Arm(this->shared_from_this()));
    Wake();
  }

  void OnRead(bool ok) {
    if (!ok || failed_) return Fail();
    if (user_) user_->OnMessage(in_);
    wire_->Read(&in_, read_.Arm(this->shared_from_this()));
  }

  void OnWritten(bool ok) {
    if (!ok || failed_) return Fail();
    Wake();
  }

  // Finish() may not overlap a write's or a read's return.
  void Fail() {
    failed_ = true;
    if (finishing_ || written_.armed() || read_.armed()) {
      context_.TryCancel();
      return;
    }
    finishing_ = true;
    wire_->Finish(&status_, finished_.Arm(this->shared_from_this()));
  }

  void OnFinished(bool) {
    if (user_) user_->OnClosed(status_);
  }

  User* user_;
  grpc::ClientContext context_;
  std::unique_ptr<Wire> wire_;
  grpc::Status status_;
  In in_;
  Out out_;
  bool open_ = false;
  bool failed_ = false;
  bool finishing_ = false;
  MemberTag<ClientStream> opened_{&ClientStream::OnOpened};
  MemberTag<ClientStream> read_{&ClientStream::OnRead};
  MemberTag<ClientStream> written_{&ClientStream::OnWritten};
  MemberTag<ClientStream> finished_{&ClientStream::OnFinished};
};

// The server's end. A user is made for every stream that is accepted, and lives
// until the stream is over.
template <typename In, typename Out>
class ServerStream
    : public std::enable_shared_from_this<ServerStream<In, Out>> {
 public:
  using User = StreamUser<In, Out>;
  using Wire = grpc::ServerAsyncReaderWriter<Out, In>;
  // Makes the user of a stream; it may keep the pointer until OnClosed().
  using UserFactory = std::function<std::unique_ptr<User>(ServerStream*)>;
  using Accept = std::function<void(grpc::ServerContext*, Wire*, void* tag)>;

  // Accepts streams until the server shuts down. `accept` is the service's
  // Request<Method>, bound to the queue.
  static void Serve(Accept accept, UserFactory factory) {
    auto stream =
        std::make_shared<ServerStream>(std::move(accept), std::move(factory));
    stream->accept_(&stream->context_, &stream->wire_,
                    stream->opened_.Arm(stream));
  }

  ServerStream(Accept accept, UserFactory factory)
      : accept_(std::move(accept)),
        factory_(std::move(factory)),
        wire_(&context_) {}

  void Wake() {
    if (!user_ || closing_ || written_.armed()) return;
    out_.Clear();
    if (!user_->NextMessage(&out_)) return;
    wire_.Write(out_, written_.Arm(this->shared_from_this()));
  }

  // Ends the stream with a status, after what is being written.
  void Close(const grpc::Status& status) {
    if (closing_) return;
    closing_ = true;
    status_ = status;
    FinishWhenIdle();
  }

  // Breaks it at once.
  void Cancel() { context_.TryCancel(); }

 private:
  void OnOpened(bool ok) {
    if (!ok) return;
    Serve(accept_, factory_);
    user_ = factory_(this);
    user_->OnOpen();
    wire_.Read(&in_, read_.Arm(this->shared_from_this()));
    Wake();
  }

  void OnRead(bool ok) {
    if (!ok) {
      // The client has half-closed, and hears what is left; or it is gone.
      asked_all_ = true;
      Close(grpc::Status::OK);
      return;
    }
    if (!closing_) user_->OnMessage(in_);
    wire_.Read(&in_, read_.Arm(this->shared_from_this()));
  }

  void OnWritten(bool ok) {
    if (!ok) asked_all_ = false;
    if (closing_) return FinishWhenIdle();
    if (!ok) return Close(grpc::Status::CANCELLED);
    Wake();
  }

  void FinishWhenIdle() {
    if (written_.armed() || finished_.armed()) return;
    out_.Clear();
    if (asked_all_ && user_->NextMessage(&out_)) {
      wire_.Write(out_, written_.Arm(this->shared_from_this()));
      return;
    }
    wire_.Finish(status_, finished_.Arm(this->shared_from_this()));
  }

  void OnFinished(bool) { user_->OnClosed(status_); }

  Accept accept_;
  UserFactory factory_;
  std::unique_ptr<User> user_;
  grpc::ServerContext context_;
  Wire wire_;
  grpc::Status status_;
  In in_;
  Out out_;
  bool closing_ = false;
  bool asked_all_ = false;
  MemberTag<ServerStream> opened_{&ServerStream::OnOpened};
  MemberTag<ServerStream> read_{&ServerStream::OnRead};
  MemberTag<ServerStream> written_{&ServerStream::OnWritten};
  MemberTag<ServerStream> finished_{&ServerStream::OnFinished};
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_STREAM_H_
