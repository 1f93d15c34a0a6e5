#include "coordinator/sqlite_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace belfry::coordinator {
namespace {

absl::Status SyncFolder(const std::string& dir) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const absl::Status status =
      synced ? absl::OkStatus()
             : absl::ErrnoToStatus(errno, absl::StrCat("cannot sync ", dir));
  if (fd >= 0) ::close(fd);
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> SqliteStore::Open(
    const std::string& dir) {
  std::unique_ptr<SqliteStore> store(new SqliteStore);
  absl::Status status = store->Lock(dir);
  if (!status.ok()) return status;
  store->path_ = absl::StrCat(dir, "/journal.sqlite");
  status = store->OpenDatabase();
  if (!status.ok()) return status;
  return store;
}

SqliteStore::~SqliteStore() {
  sqlite3_finalize(put_);
  sqlite3_close(db_);
  if (lock_ >= 0) ::close(lock_);
}

absl::Status SqliteStore::Lock(const std::string& dir) {
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

absl::Status SqliteStore::OpenDatabase() {
  struct stat file {};
  if (::stat(path_.c_str(), &file) != 0) {
    const absl::Status created = Create();
    if (!created.ok()) return created;
  } else if (file.st_size == 0) {
    // SQLite takes an empty file for a new database; it is what is left of one.
    return absl::DataLossError(
        absl::StrCat("the journal ", path_, " is corrupt (empty)", kKept));
  }
  if (sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE, nullptr) !=
      SQLITE_OK) {
    return Error("cannot be opened");
  }
  const absl::Status whole = CheckVersion();
  if (!whole.ok()) return whole;
  for (const char* sql :
       {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL"}) {
    const absl::Status set = Execute(sql);
    if (!set.ok()) return set;
  }
  if (sqlite3_prepare_v2(
          db_, "INSERT OR REPLACE INTO record(key, value) VALUES(?1, ?2)", -1,
          &put_, nullptr) != SQLITE_OK) {
    return Error("cannot be written");
  }
  return absl::OkStatus();
}

// Under another name first: whoever is killed meanwhile leaves no journal, and
// what is found under its own name has been whole.
absl::Status SqliteStore::Create() {
  const std::string fresh = path_ + ".new";
  // And what somebody has left of an older one: SQLite would take that log for
  // this file's.
  for (const std::string& left : {fresh, fresh + "-journal", path_ + "-wal"}) {
    (void)::unlink(left.c_str());
  }
  const bool written =
      sqlite3_open_v2(fresh.c_str(), &db_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                      nullptr) == SQLITE_OK &&
      Execute(absl::StrCat("BEGIN; PRAGMA user_version=", kStoreVersion,
                           "; CREATE TABLE record"
                           "(key TEXT PRIMARY KEY, value BLOB NOT NULL)"
                           " WITHOUT ROWID; COMMIT")
                  .c_str())
          .ok();
  if (!written) return Error("cannot be created");
  // SQLite has synced the file; its name is synced with the folder.
  sqlite3_close(std::exchange(db_, nullptr));
  if (::rename(fresh.c_str(), path_.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", path_));
  }
  return SyncFolder(path_.substr(0, path_.rfind('/')));
}

// Nothing is written before the file is known to be ours and whole.
absl::Status SqliteStore::CheckVersion() {
  struct Row {
    std::string text;
  } check, version;
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
      !ask("PRAGMA user_version", &version)) {
    const std::string why =
        check.text.empty() ? sqlite3_errmsg(db_) : check.text;
    return absl::DataLossError(
        absl::StrCat("the journal ", path_, " is corrupt (",
                     absl::StrReplaceAll(why, {{"\n", " "}}), ")", kKept));
  }
  if (version.text == absl::StrCat(kStoreVersion)) return absl::OkStatus();
  return WrongVersion(path_, version.text);
}

absl::StatusOr<Store::Records> SqliteStore::Read() {
  sqlite3_stmt* all = nullptr;
  if (sqlite3_prepare_v2(db_, "SELECT key, value FROM record", -1, &all,
                         nullptr) != SQLITE_OK) {
    return Error("cannot be read");
  }
  Records records;
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
  return records;
}

absl::Status SqliteStore::Write(const Records& records) {
  absl::Status status = Execute("BEGIN IMMEDIATE");
  for (const auto& [key, value] : records) {
    if (status.ok()) status = Put(key, value);
  }
  if (!status.ok()) return status;
  return Execute("COMMIT");
}

absl::Status SqliteStore::Put(const std::string& key,
                              const std::string& value) {
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

absl::Status SqliteStore::Execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) {
    return absl::OkStatus();
  }
  return Error("cannot be written");
}

absl::Status SqliteStore::Error(const std::string& what) const {
  return absl::InternalError(absl::StrCat("the journal ", path_, " ", what,
                                          ": ", sqlite3_errmsg(db_)));
}

}  // namespace belfry::coordinator
