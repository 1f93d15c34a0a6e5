// What the coordinator remembers across its own death: an SQLite database in
// WAL mode, in its state directory. A record that was written survives the
// death of the process; power loss is SQLite's promise (synchronous=NORMAL).
#ifndef BELFRY_COORDINATOR_JOURNAL_H_
#define BELFRY_COORDINATOR_JOURNAL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "belfry/v1/journal.pb.h"
#include "kernel/coordinator.h"

struct sqlite3;
struct sqlite3_stmt;

namespace belfry::coordinator {

// Not thread-safe. One process at a time: it holds a lock on the directory.
class Journal {
 public:
  // Opens or makes DIR/journal.sqlite. AlreadyExists: another coordinator holds
  // the directory. FailedPrecondition: a journal of another version or of
  // another machine. DataLoss: it is corrupt. The file is kept in each case.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(
      const std::string& dir, const kernel::Profile& profile,
      std::uint32_t possible);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // What was found when it was opened.
  const kernel::Recovery& recovery() const { return recovery_; }
  std::uint64_t epoch() const { return recovery_.epoch.value; }
  kernel::OpId last_op() const { return last_op_; }
  // The last process of a CPU that was declared dead.
  using Fences = std::map<kernel::CpuId, kernel::Incarnation>;
  const Fences& fences() const { return fences_; }

  // Each is one transaction. `record` is the one of the leg's CPU; null for
  // none.
  absl::Status WriteLeg(const kernel::JournalLeg& leg,
                        const kernel::CpuRecord* record);
  // The highest number that an operation has.
  absl::Status WriteLastOp(kernel::OpId id);
  absl::Status WriteView(const kernel::View& view);
  absl::Status WriteCpu(kernel::CpuId cpu, const kernel::CpuRecord& record);
  absl::Status WriteFence(kernel::CpuId cpu, kernel::Incarnation incarnation);

 private:
  Journal() = default;

  absl::Status Lock(const std::string& dir);
  absl::Status OpenDatabase(const std::string& path);
  absl::Status CheckVersion(const std::string& path);
  absl::Status Load(const kernel::Profile& profile, std::uint32_t possible);
  absl::Status LoadMachine(const std::string& value,
                           const kernel::Profile& profile,
                           std::uint32_t possible);
  absl::Status Put(const std::string& key, const std::string& value);
  absl::Status Execute(const char* sql);
  absl::Status Unreadable() const;
  absl::Status Error(const std::string& what) const;
  std::string ViewValue(const kernel::View& view) const;

  std::string path_;
  int lock_ = -1;
  sqlite3* db_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
  kernel::Recovery recovery_;
  kernel::Generation last_generation_;
  kernel::OpId last_op_;
  Fences fences_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_JOURNAL_H_
