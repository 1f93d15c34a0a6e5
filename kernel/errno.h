// The errors of the protocol are Linux's own: same names, same numbers,
// whatever the host. Where each is used: docs/PROTOCOL.md.
#ifndef BELFRY_KERNEL_ERRNO_H_
#define BELFRY_KERNEL_ERRNO_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace belfry::kernel {

enum class Errno : std::int32_t {
  kOk = 0,
  kEperm = 1,
  kEnoent = 2,
  kEio = 5,
  kEnxio = 6,    // the target CPU is offline or does not exist
  kEagain = 11,  // injected failure; a CPU in limbo
  kEnomem = 12,
  kEbusy = 16,   // the last online CPU cannot go
  kEinval = 22,  // not possible, not present, already there, no such step
  kEnospc = 28,
  kEdeadlk = 35,  // a stop_machine round is on its way to the same stopper
  kEnosys = 38,   // the target does not know the function
  kEopnotsupp = 95,
  kEnobufs = 105,  // the target's queue is full
  kEtimedout = 110,
  kEcanceled = 125,
  kEownerdead = 130,  // the process that had the answer died
};

// "ENXIO"; "0" for kOk. A number that is not in the list reads as EIO.
absl::string_view ErrnoName(Errno e);
// What strerror() says of it on Linux.
absl::string_view ErrnoText(Errno e);
// The same, unless the function that failed said more: what it said, in
// printable characters and not too long.
std::string ErrnoText(Errno e, absl::string_view said);

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_ERRNO_H_
