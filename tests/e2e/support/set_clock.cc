// Preloaded into a process: its wall clock is off by so many seconds as stand
// in the file that BELFRY_TEST_CLOCK names, 8 bytes, at any time. Only its own.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

const volatile std::int64_t* OpenOffset() {
  const char* path = std::getenv("BELFRY_TEST_CLOCK");
  const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  void* memory =
      mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
  if (fd >= 0) close(fd);
  return memory == MAP_FAILED ? nullptr
                              : static_cast<const std::int64_t*>(memory);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  using Real = int (*)(clockid_t, timespec*);
  static const Real real =
      reinterpret_cast<Real>(dlsym(RTLD_NEXT, "clock_gettime"));
  static const volatile std::int64_t* const offset = OpenOffset();
  const int result = real(clock, time);
  if (clock == CLOCK_REALTIME && offset != nullptr) time->tv_sec += *offset;
  return result;
}

extern "C" int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return result;
}
