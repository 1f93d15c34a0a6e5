#include "rpc/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "rpc/address.h"
#include "rpc/log.h"

namespace belfry::rpc {
namespace {

// How long the door stays closed when there are no descriptors.
constexpr int kPauseMs = 100;

prometheus::Counter* starved_count = nullptr;

absl::Status CannotListen(const std::string& listen, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", listen, ": ", std::strerror(error)));
}

// A descriptor's number is the lowest that is free, so it says how many are
// taken.
bool IsOneOfTheLast(int fd) {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
         limit.rlim_cur != RLIM_INFINITY &&
         static_cast<rlim_t>(fd) + Listener::kKept >= limit.rlim_cur;
}

bool IsForWantOfDescriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS ||
         error == ENOMEM;
}

// A bound socket, or -1 with errno.
int BoundSocket(const addrinfo& address) {
  const int fd = ::socket(address.ai_family,
                          SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1;
  const int off = 0;
  (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.ai_family == AF_INET6) {
    (void)::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (::bind(fd, address.ai_addr, address.ai_addrlen) == 0 &&
      ::listen(fd, SOMAXCONN) == 0) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

int PortOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return 0;
  }
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(
    const std::string& listen) {
  std::unique_ptr<Listener> listener(new Listener);
  absl::Status status = CheckListenAddress(listen);
  if (status.ok()) status = listener->OpenAddress(listen);
  if (!status.ok()) return status;
  if (::pipe2(listener->stop_, O_CLOEXEC) != 0) {
    return CannotListen(listen, errno);
  }
  return listener;
}

void Listener::Serve(int threads, std::function<void(int fd)> serve) {
  serve_ = std::move(serve);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Accept(); });
  }
}

Listener::~Listener() {
  if (stop_[1] >= 0) ::close(stop_[1]);
  for (std::thread& thread : threads_) thread.join();
  if (stop_[0] >= 0) ::close(stop_[0]);
  if (fd_ >= 0) ::close(fd_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

void Listener::CountIn(prometheus::Registry* registry) {
  starved_count =
      &prometheus::BuildCounter()
           .Name("belfry_listener_starved_total")
           .Help(
               "Times that a connection was not accepted, for want of file "
               "descriptors.")
           .Register(*registry)
           .Add({});
}

absl::Status Listener::OpenAddress(const std::string& listen) {
  absl::string_view path = listen;
  if (absl::ConsumePrefix(&path, "unix:")) return OpenUnix(std::string(path));
  const auto [host, port] = SplitAddress(listen);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", listen, ": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list,
                                                             ::freeaddrinfo);
  for (const addrinfo* i = list; i != nullptr && fd_ < 0; i = i->ai_next) {
    fd_ = BoundSocket(*i);
  }
  if (fd_ < 0) return CannotListen(listen, errno);
  address_ =
      absl::StrCat(listen.substr(0, listen.rfind(':')), ":", PortOf(fd_));
  return absl::OkStatus();
}

// A socket that a process left behind which was killed is in nobody's way.
absl::Status Listener::OpenUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return CannotListen(absl::StrCat("unix:", path), ENAMETOOLONG);
  }
  path.copy(address.sun_path, path.size());
  struct stat old {};
  if (::lstat(path.c_str(), &old) == 0 && S_ISSOCK(old.st_mode)) {
    ::unlink(path.c_str());
  }
  addrinfo info{};
  info.ai_family = AF_UNIX;
  info.ai_addr = reinterpret_cast<sockaddr*>(&address);
  info.ai_addrlen = sizeof(address);
  address_ = absl::StrCat("unix:", path);
  fd_ = BoundSocket(info);
  if (fd_ < 0) return CannotListen(address_, errno);
  path_ = path;
  return absl::OkStatus();
}

bool Listener::AwaitConnection() const {
  pollfd fds[] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                  {.fd = stop_[0], .events = POLLIN, .revents = 0}};
  (void)::poll(fds, 2, -1);
  return fds[1].revents == 0;
}

void Listener::Accept() {
  while (AwaitConnection()) {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (IsForWantOfDescriptors(errno)) Starve();
      continue;
    }
    if (IsOneOfTheLast(fd)) {
      ::close(fd);
      Starve();
      continue;
    }
    if (is_starved_.exchange(false)) {
      Log(Level::kInfo, "listener",
          absl::StrCat(address_, ": connections are accepted again"));
    }
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    serve_(fd);
  }
}

void Listener::Starve() {
  if (starved_count != nullptr) starved_count->Increment();
  if (!is_starved_.exchange(true)) {
    Log(Level::kError, "listener",
        absl::StrCat(address_,
                     ": no file descriptors are left for connections; they "
                     "wait (see ulimit -n)"));
  }
  pollfd stop{.fd = stop_[0], .events = POLLIN, .revents = 0};
  (void)::poll(&stop, 1, kPauseMs);
}

}  // namespace belfry::rpc
