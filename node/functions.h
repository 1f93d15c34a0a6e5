// The functions that calls run on a CPU, by name. A program that links this
// library registers its own before it starts the node.
#ifndef BELFRY_NODE_FUNCTIONS_H_
#define BELFRY_NODE_FUNCTIONS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kernel/csd.h"
#include "kernel/errno.h"
#include "kernel/ids.h"

namespace belfry::node {

using kernel::kPayloadMax;

// One run of a function.
struct FunctionCall {
  // Where it runs, and who called.
  kernel::CpuId cpu;
  kernel::CpuId src;
  const std::string& payload;
};

struct FunctionResult {
  kernel::Errno error = kernel::Errno::kOk;
  // At most 1 MiB: with more the call ends with ENOBUFS. Only a waiting caller
  // gets it. With an error: what would have been right, as a text.
  std::string payload;
};

using Function = std::function<FunctionResult(const FunctionCall&)>;

// How long a function may take, and so where it runs.
enum class Duration {
  // Microseconds: inline, on the thread that serves the CPU's queue.
  kShort,
  // Anything: on the CPU's own thread. Queue and doorbell are served meanwhile.
  kLong,
};

// Filled before the node starts, then owned by its loop; not thread-safe.
class Functions {
 public:
  // The built-in ones: nop, echo, spin, trigger_softirq; read_state is the
  // node's own.
  Functions();

  // AlreadyExists when the name is taken; InvalidArgument for a name that is
  // not [a-z0-9_]{1,64}.
  absl::Status Register(const std::string& name, Duration duration,
                        Function function);

  // The id of a name, whether or not a function of it is linked here: another
  // CPU's process may have it. Nothing when 1024 names are known already.
  std::optional<kernel::FuncId> Intern(const std::string& name);

  // Whether the function can run here.
  bool IsLinked(kernel::FuncId id) const;
  bool IsLong(kernel::FuncId id) const;
  const std::string& NameOf(kernel::FuncId id) const;
  // ENOSYS for one that is not linked.
  FunctionResult Run(kernel::FuncId id, const FunctionCall& call) const;
  // What running an unknown one comes to.
  FunctionResult Unknown() const;
  // Of those that are linked here, in order of registration.
  std::vector<std::string> names() const;

 private:
  struct Entry {
    std::string name;
    Duration duration = Duration::kShort;
    Function function;
  };

  std::vector<Entry> entries_;
  std::map<std::string, kernel::FuncId> ids_;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_FUNCTIONS_H_
