// Where the coordinator's journal is kept: records by key, whatever they mean.
// journal.h has the meaning, and is written once for all stores.
#ifndef BELFRY_COORDINATOR_STORE_H_
#define BELFRY_COORDINATOR_STORE_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace belfry::coordinator {

// Of the records, and of the place that a store has for them.
inline constexpr int kStoreVersion = 2;

// Ends the message of every refusal to read a store.
inline constexpr char kKept[] = "; it is kept; move it away to start afresh";

// Not thread-safe. One process at a time writes.
class Store {
 public:
  using Records = std::map<std::string, std::string>;

  virtual ~Store() = default;

  // In messages: "/var/lib/belfry/journal.sqlite".
  virtual std::string name() const = 0;
  // All records. FailedPrecondition: they are of another version. DataLoss:
  // they are corrupt. They are kept in both cases.
  virtual absl::StatusOr<Records> Read() = 0;
  // All of them or none; what is written survives the death of the process.
  // Aborted: another process writes now, and this one may not any more.
  virtual absl::Status Write(const Records& records) = 0;
};

inline absl::Status WrongVersion(const std::string& name,
                                 const std::string& version) {
  return absl::FailedPreconditionError(
      absl::StrCat("the journal ", name, " has version ", version,
                   ", this program ", kStoreVersion, kKept));
}

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_STORE_H_
