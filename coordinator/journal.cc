#include "coordinator/journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "rpc/codec.h"

namespace belfry::coordinator {
namespace {

// Of the database's layout, in its user_version.
constexpr int kVersion = 2;
constexpr char kKept[] = "; it is kept; move it away to start afresh";

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
  return kernel::Operation{.id = kernel::OpId{r.id()},
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

std::string CpuKey(kernel::CpuId cpu) {
  return absl::StrCat("cpu/", cpu.value);
}

bool SameMachine(const v1::Profile& a, const v1::Profile& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(
    const std::string& dir, const kernel::Profile& profile,
    std::uint32_t possible) {
  std::unique_ptr<Journal> journal(new Journal);
  absl::Status status = journal->Lock(dir);
  if (!status.ok()) return status;
  status = journal->OpenDatabase(absl::StrCat(dir, "/journal.sqlite"));
  if (!status.ok()) return status;
  status = journal->Load(profile, possible);
  if (!status.ok()) return status;
  return journal;
}

Journal::~Journal() {
  sqlite3_finalize(put_);
  sqlite3_close(db_);
  if (lock_ >= 0) ::close(lock_);
}

absl::Status Journal::Lock(const std::string& dir) {
  const std::string path = absl::StrCat(dir, "/coordinator.lock");
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("another coordinator runs on the state directory ", dir));
  }
  return absl::OkStatus();
}

absl::Status Journal::OpenDatabase(const std::string& path) {
  path_ = path;
  // SQLite takes an empty file for a new database; it is what is left of one.
  struct stat file {};
  if (::stat(path.c_str(), &file) == 0 && file.st_size == 0) {
    return absl::DataLossError(
        absl::StrCat("the journal ", path, " is corrupt (empty)", kKept));
  }
  if (sqlite3_open_v2(path.c_str(), &db_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                      nullptr) != SQLITE_OK) {
    return Error("cannot be opened");
  }
  absl::Status status = CheckVersion(path);
  if (!status.ok()) return status;
  for (const char* sql :
       {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL",
        "CREATE TABLE IF NOT EXISTS record"
        "(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"}) {
    status = Execute(sql);
    if (!status.ok()) return status;
  }
  if (sqlite3_prepare_v2(
          db_, "INSERT OR REPLACE INTO record(key, value) VALUES(?1, ?2)", -1,
          &put_, nullptr) != SQLITE_OK) {
    return Error("cannot be written");
  }
  return absl::OkStatus();
}

// Nothing is written before the file is known to be ours and whole.
absl::Status Journal::CheckVersion(const std::string& path) {
  struct Row {
    std::string text;
  } check, version, tables;
  const auto first_text = [](void* out, int count, char** values, char**) {
    if (count > 0 && values[0] != nullptr) {
      static_cast<Row*>(out)->text = values[0];
    }
    return 0;
  };
  const auto ask = [&](const char* sql, Row* row) {
    return sqlite3_exec(db_, sql, first_text, row, nullptr) == SQLITE_OK;
  };
  if (!ask("PRAGMA quick_check(1)", &check) || check.text != "ok" ||
      !ask("PRAGMA user_version", &version) ||
      !ask("SELECT count(*) FROM sqlite_master", &tables)) {
    const std::string why =
        check.text.empty() ? sqlite3_errmsg(db_) : check.text;
    return absl::DataLossError(
        absl::StrCat("the journal ", path, " is corrupt (",
                     absl::StrReplaceAll(why, {{"\n", " "}}), ")", kKept));
  }
  if (tables.text == "0" && version.text == "0") {
    return Execute(absl::StrCat("PRAGMA user_version=", kVersion).c_str());
  }
  if (version.text == absl::StrCat(kVersion)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the journal ", path, " has version ", version.text,
                   ", this program ", kVersion, kKept));
}

absl::Status Journal::Load(const kernel::Profile& profile,
                           std::uint32_t possible) {
  sqlite3_stmt* all = nullptr;
  if (sqlite3_prepare_v2(db_, "SELECT key, value FROM record", -1, &all,
                         nullptr) != SQLITE_OK) {
    return Error("cannot be read");
  }
  std::map<std::string, std::string> records;
  int rc = SQLITE_ROW;
  while ((rc = sqlite3_step(all)) == SQLITE_ROW) {
    const auto* key =
        reinterpret_cast<const char*>(sqlite3_column_text(all, 0));
    const auto* value = static_cast<const char*>(sqlite3_column_blob(all, 1));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(all, 1));
    records[key] = std::string(value == nullptr ? "" : value, size);
  }
  sqlite3_finalize(all);
  if (rc != SQLITE_DONE) return Error("cannot be read");

  absl::Status status = LoadMachine(records["machine"], profile, possible);
  if (!status.ok()) return status;
  v1::ViewRecord view;
  v1::OperationRecord op;
  v1::LastOperationRecord last_op;
  if (!view.ParseFromString(records["view"]) ||
      !op.ParseFromString(records["op"]) ||
      !last_op.ParseFromString(records["last_op"])) {
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
    if (absl::ConsumePrefix(&rest, "fence/")) {
      v1::FenceRecord fence;
      if (!absl::SimpleAtoi(rest, &cpu) || !fence.ParseFromString(value)) {
        return Unreadable();
      }
      fences_[kernel::CpuId{cpu}] = kernel::Incarnation{fence.incarnation()};
      continue;
    }
    if (!absl::ConsumePrefix(&rest, "cpu/")) continue;
    if (!absl::SimpleAtoi(rest, &cpu) || !r.ParseFromString(value)) {
      return Unreadable();
    }
    recovery_.cpus[kernel::CpuId{cpu}] = {
        .incarnation = kernel::Incarnation{r.incarnation()},
        .state = r.state()};
  }
  return absl::OkStatus();
}

absl::Status Journal::LoadMachine(const std::string& value,
                                  const kernel::Profile& profile,
                                  std::uint32_t possible) {
  v1::MachineRecord machine;
  if (!machine.ParseFromString(value)) {
    return absl::DataLossError(absl::StrCat(
        "the journal ", path_, " does not say of which machine", kKept));
  }
  const v1::Profile wanted = rpc::ToProto(profile);
  const bool fresh = machine.epoch() == 0;
  if (!fresh && (machine.possible_cpus() != possible ||
                 !SameMachine(machine.profile(), wanted))) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the journal ", path_, " is of another machine: ",
        machine.possible_cpus(), " CPUs, profile ", machine.profile().name(),
        "; start with the same --cpus, --profile and --set"));
  }
  recovery_.epoch = kernel::Epoch{machine.epoch() + 1};
  machine.set_possible_cpus(possible);
  *machine.mutable_profile() = wanted;
  machine.set_epoch(epoch());
  return Put("machine", machine.SerializeAsString());
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
  absl::Status status = Execute("BEGIN IMMEDIATE");
  if (status.ok()) status = Put("op", ToRecord(leg.op).SerializeAsString());
  if (status.ok()) status = Put("view", ViewValue(leg.view));
  if (status.ok() && record != nullptr) status = WriteCpu(leg.op.cpu, *record);
  if (!status.ok()) return status;
  return Execute("COMMIT");
}

absl::Status Journal::WriteLastOp(kernel::OpId id) {
  v1::LastOperationRecord last;
  last.set_id(id.value);
  return Put("last_op", last.SerializeAsString());
}

absl::Status Journal::WriteView(const kernel::View& view) {
  return Put("view", ViewValue(view));
}

absl::Status Journal::WriteCpu(kernel::CpuId cpu,
                               const kernel::CpuRecord& record) {
  return Put(CpuKey(cpu), CpuValue(record));
}

absl::Status Journal::WriteFence(kernel::CpuId cpu,
                                 kernel::Incarnation incarnation) {
  v1::FenceRecord fence;
  fence.set_incarnation(incarnation.value);
  return Put(absl::StrCat("fence/", cpu.value), fence.SerializeAsString());
}

absl::Status Journal::Put(const std::string& key, const std::string& value) {
  sqlite3_reset(put_);
  sqlite3_bind_text(put_, 1, key.data(), static_cast<int>(key.size()),
                    SQLITE_STATIC);
  sqlite3_bind_blob(put_, 2, value.data(), static_cast<int>(value.size()),
                    SQLITE_STATIC);
  const int rc = sqlite3_step(put_);
  sqlite3_reset(put_);
  if (rc != SQLITE_DONE) return Error("cannot be written");
  return absl::OkStatus();
}

absl::Status Journal::Execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) {
    return absl::OkStatus();
  }
  return Error("cannot be written");
}

absl::Status Journal::Unreadable() const {
  return absl::DataLossError(absl::StrCat(
      "the journal ", path_, " holds a record that cannot be read", kKept));
}

absl::Status Journal::Error(const std::string& what) const {
  return absl::InternalError(absl::StrCat("the journal ", path_, " ", what,
                                          ": ", sqlite3_errmsg(db_)));
}

}  // namespace belfry::coordinator
