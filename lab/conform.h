// Does the emulated machine do what a real kernel did? Runs one hotplug
// operation in memory, on profile linux-6.12, and lays its cpuhp events beside
// those of a recording.
//
// What is compared: kind, CPU, target, step, state and ret of cpuhp_enter,
// cpuhp_multi_enter and cpuhp_exit, in their order. What is not: who ran them,
// when, and the functions' names.
#ifndef BELFRY_LAB_CONFORM_H_
#define BELFRY_LAB_CONFORM_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "belfry/v1/report.pb.h"
#include "kernel/cpuhp.h"

namespace belfry::lab {

struct ConformOptions {
  std::uint32_t cpu = 3;
  // Brought up, not taken down.
  bool online = false;
  // Written to the CPU's `fail` file before.
  kernel::CpuhpState fail = kernel::kCpuhpInvalid;
};

// `name` names the recording in messages. InvalidArgument when the options ask
// for what the kernel refuses (`fail`); DataLoss when the text is no whole
// recording of such an operation.
absl::StatusOr<v1::ConformReport> ConformToRecording(
    std::istream& recording, const std::string& name,
    const ConformOptions& options);

// A table of injected failures, each on a machine of its own, which has the
// CPUs that the table names: a line a step, its columns parted by tabs: the
// step; "EINVAL on setting", an errno or "ok"; the CPUs online afterwards, and
// the CPU's state. The last two may be empty, and a first line that does not
// begin with a number is the columns' names. `fail` is not used. DataLoss when
// it is no such table.
absl::StatusOr<v1::ConformReport> ConformToFailTable(
    std::istream& table, const std::string& name,
    const ConformOptions& options);

// A machine of more CPUs is not built for a table.
inline constexpr std::uint32_t kConformCpusMax = 1024;

}  // namespace belfry::lab

#endif  // BELFRY_LAB_CONFORM_H_
