// What the coordinator remembers across its own death, and what a successor
// goes by: the machine, its view, its CPUs and the operation under way, as
// records in a store.
#ifndef BELFRY_COORDINATOR_JOURNAL_H_
#define BELFRY_COORDINATOR_JOURNAL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store.h"
#include "kernel/coordinator.h"

namespace belfry::coordinator {

// Not thread-safe.
class Journal {
 public:
  // Takes the next epoch, which is written before this returns.
  // FailedPrecondition: a journal of another version or of another machine.
  // DataLoss: it is corrupt. It is kept in each case.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(
      std::unique_ptr<Store> store, const kernel::Profile& profile,
      std::uint32_t possible);

  // What was found when it was opened.
  const kernel::Recovery& recovery() const { return recovery_; }
  std::uint64_t epoch() const { return recovery_.epoch.value; }
  kernel::OpId last_op() const { return last_op_; }
  // The last process of a CPU that was declared dead.
  using Fences = std::map<kernel::CpuId, kernel::Incarnation>;
  const Fences& fences() const { return fences_; }

  // Each is one transaction, and waits until it is done. `record` is the one of
  // the leg's CPU; null for none.
  absl::Status WriteLeg(const kernel::JournalLeg& leg,
                        const kernel::CpuRecord* record);
  // The highest number that an operation has.
  absl::Status WriteLastOp(kernel::OpId id);
  absl::Status WriteView(const kernel::View& view);
  absl::Status WriteCpu(kernel::CpuId cpu, const kernel::CpuRecord& record);
  absl::Status WriteFence(kernel::CpuId cpu, kernel::Incarnation incarnation);

 private:
  explicit Journal(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  absl::Status Load(const kernel::Profile& profile, std::uint32_t possible);
  absl::Status TakeEpoch(const std::string& machine,
                         const kernel::Profile& profile,
                         std::uint32_t possible);
  absl::Status Unreadable() const;
  std::string ViewValue(const kernel::View& view) const;

  std::unique_ptr<Store> store_;
  kernel::Recovery recovery_;
  kernel::Generation last_generation_;
  kernel::OpId last_op_;
  Fences fences_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_JOURNAL_H_
