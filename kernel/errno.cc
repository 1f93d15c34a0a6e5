#include "kernel/errno.h"

#include <array>
#include <cstddef>

#include "absl/strings/escaping.h"

namespace belfry::kernel {
namespace {

struct Row {
  Errno value;
  absl::string_view name;
  absl::string_view text;
};

constexpr std::size_t kSaidMax = 500;

constexpr std::array kRows = {
    Row{Errno::kOk, "0", "Success"},
    Row{Errno::kEperm, "EPERM", "Operation not permitted"},
    Row{Errno::kEnoent, "ENOENT", "No such file or directory"},
    Row{Errno::kEio, "EIO", "Input/output error"},
    Row{Errno::kEnxio, "ENXIO", "No such device or address"},
    Row{Errno::kEagain, "EAGAIN", "Resource temporarily unavailable"},
    Row{Errno::kEnomem, "ENOMEM", "Cannot allocate memory"},
    Row{Errno::kEbusy, "EBUSY", "Device or resource busy"},
    Row{Errno::kEinval, "EINVAL", "Invalid argument"},
    Row{Errno::kEnospc, "ENOSPC", "No space left on device"},
    Row{Errno::kEdeadlk, "EDEADLK", "Resource deadlock avoided"},
    Row{Errno::kEnosys, "ENOSYS", "Function not implemented"},
    Row{Errno::kEopnotsupp, "EOPNOTSUPP", "Operation not supported"},
    Row{Errno::kEnobufs, "ENOBUFS", "No buffer space available"},
    Row{Errno::kEtimedout, "ETIMEDOUT", "Connection timed out"},
    Row{Errno::kEcanceled, "ECANCELED", "Operation canceled"},
    Row{Errno::kEownerdead, "EOWNERDEAD", "Owner died"},
};

// A number that came over the wire and is not in the list reads as EIO.
const Row& Find(Errno e) {
  for (const Row& row : kRows) {
    if (row.value == e) return row;
  }
  return kRows[3];
}

}  // namespace

absl::string_view ErrnoName(Errno e) { return Find(e).name; }
absl::string_view ErrnoText(Errno e) { return Find(e).text; }

std::string ErrnoText(Errno e, absl::string_view said) {
  return said.empty() ? std::string(ErrnoText(e))
                      : absl::CHexEscape(said.substr(0, kSaidMax));
}

}  // namespace belfry::kernel
