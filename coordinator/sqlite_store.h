// The store of one coordinator alone: an SQLite database in WAL mode, in its
// state directory. A record that was written survives the death of the process;
// power loss is SQLite's promise (synchronous=NORMAL).
#ifndef BELFRY_COORDINATOR_SQLITE_STORE_H_
#define BELFRY_COORDINATOR_SQLITE_STORE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace belfry::coordinator {

// It holds a lock on the directory.
class SqliteStore : public Store {
 public:
  // Opens or makes DIR/journal.sqlite. AlreadyExists: another coordinator holds
  // the directory. FailedPrecondition, DataLoss: as Read().
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& dir);
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  std::string name() const override { return path_; }
  absl::StatusOr<Records> Read() override;
  absl::Status Write(const Records& records) override;

 private:
  SqliteStore() = default;

  absl::Status Lock(const std::string& dir);
  absl::Status OpenDatabase();
  absl::Status Create();
  absl::Status CheckVersion();
  absl::Status Put(const std::string& key, const std::string& value);
  absl::Status Execute(const char* sql);
  absl::Status Error(const std::string& what) const;

  std::string path_;
  int lock_ = -1;
  sqlite3* db_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_SQLITE_STORE_H_
