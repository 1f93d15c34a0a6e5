#include "coordinator/journal.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "belfry/v1/journal.pb.h"
#include "rpc/codec.h"

namespace belfry::coordinator {
namespace {

// Of the records; kCpu and kFence are followed by the CPU's number.
constexpr char kMachine[] = "machine";
constexpr char kView[] = "view";
constexpr char kOp[] = "op";
constexpr char kLastOp[] = "last_op";
constexpr char kCpu[] = "cpu/";
constexpr char kFence[] = "fence/";

v1::OperationRecord ToRecord(const kernel::Operation& op) {
  v1::OperationRecord r;
  r.set_id(op.id.value);
  r.set_kind(std::string(kernel::OpKindName(op.kind)));
  r.set_cpu(op.cpu.value);
  r.set_active(kernel::FormatCpuList(op.active));
  r.set_function(op.func);
  r.set_payload(op.payload);
  r.set_control_cpu(op.control.value);
  r.set_control_given(op.control_given);
  r.set_leg(std::string(kernel::LegName(op.leg)));
  r.set_up(op.up);
  r.set_rollback(op.rollback);
  r.set_cancel(op.cancel);
  r.set_errno_value(static_cast<std::int32_t>(op.error));
  r.set_failed_step(op.failed_step);
  r.set_state(op.state);
  r.set_walks(op.walks);
  r.set_generation(op.generation.value);
  r.set_flushed(op.flushed);
  *r.mutable_handover() = rpc::ToProto(op.handover);
  r.set_message(op.message);
  r.set_rounds(op.rounds);
  r.set_abort_errno_value(static_cast<std::int32_t>(op.abort));
  r.set_abort_message(op.abort_message);
  return r;
}

absl::StatusOr<kernel::Operation> FromRecord(const v1::OperationRecord& r) {
  const auto kind = kernel::ParseOpKind(r.kind());
  const auto leg = kernel::ParseLeg(r.leg());
  auto active = kernel::ParseCpuList(r.active());
  if (!kind || !leg || !active.ok()) {
    return absl::DataLossError(
        absl::StrCat("operation ", r.id(), " of kind '", r.kind(), "' in leg '",
                     r.leg(), "' on CPUs '", r.active(), "' makes no sense"));
  }
  return kernel::Operation{
      .id = kernel::OpId{r.id()},
      .kind = *kind,
      .cpu = kernel::CpuId{r.cpu()},
      .active = *std::move(active),
      .func = r.function(),
      .payload = r.payload(),
      .control = kernel::CpuId{r.control_cpu()},
      .control_given = r.control_given(),
      .leg = *leg,
      .up = r.up(),
      .rollback = r.rollback(),
      .cancel = r.cancel(),
      .error = static_cast<kernel::Errno>(r.errno_value()),
      .failed_step = r.failed_step(),
      .state = r.state(),
      .walks = r.walks(),
      .generation = kernel::Generation{r.generation()},
      .rounds = r.rounds(),
      .abort = static_cast<kernel::Errno>(r.abort_errno_value()),
      .abort_message = r.abort_message(),
      .flushed = r.flushed(),
      .handover = rpc::FromProto(r.handover()),
      .message = r.message()};
}

std::string CpuValue(const kernel::CpuRecord& record) {
  v1::CpuRecord r;
  r.set_incarnation(record.incarnation.value);
  r.set_state(record.state);
  return r.SerializeAsString();
}

std::string CpuKey(kernel::CpuId cpu) { return absl::StrCat(kCpu, cpu.value); }

bool SameMachine(const v1::Profile& a, const v1::Profile& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(
    std::unique_ptr<Store> store, const kernel::Profile& profile,
    std::uint32_t possible) {
  std::unique_ptr<Journal> journal(new Journal(std::move(store)));
  const absl::Status status = journal->Load(profile, possible);
  if (!status.ok()) return status;
  return journal;
}

absl::Status Journal::Load(const kernel::Profile& profile,
                           std::uint32_t possible) {
  absl::StatusOr<Store::Records> found = store_->Read();
  if (!found.ok()) return found.status();
  Store::Records& records = *found;
  v1::ViewRecord view;
  v1::OperationRecord op;
  v1::LastOperationRecord last_op;
  if (!view.ParseFromString(records[kView]) ||
      !op.ParseFromString(records[kOp]) ||
      !last_op.ParseFromString(records[kLastOp])) {
    return Unreadable();
  }
  auto decoded = rpc::FromProto(view.view());
  if (!decoded.ok()) return decoded.status();
  recovery_.view = *std::move(decoded);
  last_generation_ = kernel::Generation{view.last_generation()};
  recovery_.last_generation = last_generation_;
  last_op_ = kernel::OpId{last_op.id()};
  if (!op.leg().empty() && op.leg() != kernel::LegName(kernel::Leg::kDone)) {
    auto unfinished = FromRecord(op);
    if (!unfinished.ok()) return unfinished.status();
    recovery_.op = *std::move(unfinished);
  }
  for (const auto& [key, value] : records) {
    absl::string_view rest = key;
    std::uint32_t cpu = 0;
    v1::CpuRecord r;
    if (absl::ConsumePrefix(&rest, kFence)) {
      v1::FenceRecord fence;
      if (!absl::SimpleAtoi(rest, &cpu) || !fence.ParseFromString(value)) {
        return Unreadable();
      }
      fences_[kernel::CpuId{cpu}] = kernel::Incarnation{fence.incarnation()};
      continue;
    }
    if (!absl::ConsumePrefix(&rest, kCpu)) continue;
    if (!absl::SimpleAtoi(rest, &cpu) || !r.ParseFromString(value)) {
      return Unreadable();
    }
    recovery_.cpus[kernel::CpuId{cpu}] = {
        .incarnation = kernel::Incarnation{r.incarnation()},
        .state = r.state()};
  }
  return TakeEpoch(records[kMachine], profile, possible);
}

// The last of what Load() does: a journal that cannot be read stays as it is.
absl::Status Journal::TakeEpoch(const std::string& value,
                                const kernel::Profile& profile,
                                std::uint32_t possible) {
  v1::MachineRecord machine;
  if (!machine.ParseFromString(value)) {
    return absl::DataLossError(absl::StrCat("the journal ", store_->name(),
                                            " does not say of which machine",
                                            kKept));
  }
  const v1::Profile wanted = rpc::ToProto(profile);
  const bool fresh = machine.epoch() == 0;
  if (!fresh && (machine.possible_cpus() != possible ||
                 !SameMachine(machine.profile(), wanted))) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the journal ", store_->name(), " is of another machine: ",
        machine.possible_cpus(), " CPUs, profile ", machine.profile().name(),
        "; start with the same --cpus, --profile and --set"));
  }
  recovery_.epoch = kernel::Epoch{machine.epoch() + 1};
  machine.set_possible_cpus(possible);
  *machine.mutable_profile() = wanted;
  machine.set_epoch(epoch());
  return store_->Write({{kMachine, machine.SerializeAsString()}});
}

std::string Journal::ViewValue(const kernel::View& view) const {
  v1::ViewRecord record;
  *record.mutable_view() = rpc::ToProto(view);
  record.set_last_generation(last_generation_.value);
  return record.SerializeAsString();
}

absl::Status Journal::WriteLeg(const kernel::JournalLeg& leg,
                               const kernel::CpuRecord* record) {
  last_generation_ = leg.last_generation;
  Store::Records records = {{kOp, ToRecord(leg.op).SerializeAsString()},
                            {kView, ViewValue(leg.view)}};
  if (record != nullptr) records[CpuKey(leg.op.cpu)] = CpuValue(*record);
  return store_->Write(records);
}

absl::Status Journal::WriteLastOp(kernel::OpId id) {
  v1::LastOperationRecord last;
  last.set_id(id.value);
  return store_->Write({{kLastOp, last.SerializeAsString()}});
}

absl::Status Journal::WriteView(const kernel::View& view) {
  return store_->Write({{kView, ViewValue(view)}});
}

absl::Status Journal::WriteCpu(kernel::CpuId cpu,
                               const kernel::CpuRecord& record) {
  return store_->Write({{CpuKey(cpu), CpuValue(record)}});
}

absl::Status Journal::WriteFence(kernel::CpuId cpu,
                                 kernel::Incarnation incarnation) {
  v1::FenceRecord fence;
  fence.set_incarnation(incarnation.value);
  return store_->Write(
      {{absl::StrCat(kFence, cpu.value), fence.SerializeAsString()}});
}

absl::Status Journal::Unreadable() const {
  return absl::DataLossError(absl::StrCat("the journal ", store_->name(),
                                          " holds a record that cannot be read",
                                          kKept));
}

}  // namespace belfry::coordinator
