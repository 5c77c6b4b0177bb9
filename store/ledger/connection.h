#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/tile.h"
#include "store/ledger/reader.h"
#include "store/ledger/sqlite.h"
#include "store/ledger/statements.h"

namespace statehouse {

/// One connection with its statements; internal to store/ledger.
struct LedgerConnection {
  Database database;  // before the statements: they are finalised first
  Statements statements;

  /// A connection that can only read. Errors: kNotFound; kInvalidArgument (not a ledger, or of a
  /// newer release).
  static Result<std::unique_ptr<LedgerConnection>> open_reader(
      const Path& path, Database::Mode mode = Database::Mode::kReadWrite);
};

/// Errors: kInvalidArgument unless the file says that it is a ledger.
Result<> require_ledger(Database& database);

/// A fixed number of reading connections. Threads: any.
class ConnectionPool {
 public:
  static Result<std::unique_ptr<ConnectionPool>> open(
      const Path& path, std::size_t count, Database::Mode mode = Database::Mode::kReadWrite);

  /// A connection inside a read transaction; ends it and gives it back on destruction.
  class Lease {
   public:
    Lease(Lease&& other) noexcept : pool_(other.pool_), connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    [[nodiscard]] Statements& statements() const { return connection_->statements; }
    [[nodiscard]] Database& database() const { return connection_->database; }

   private:
    friend class ConnectionPool;
    Lease(ConnectionPool& pool, std::unique_ptr<LedgerConnection> connection)
        : pool_(pool), connection_(std::move(connection)) {}

    ConnectionPool& pool_;
    std::unique_ptr<LedgerConnection> connection_;
  };

  /// Waits while all connections are in use.
  Result<Lease> lease();

 private:
  void give_back(std::unique_ptr<LedgerConnection> connection);

  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<LedgerConnection>> free_;  // guarded by mutex_
};

/// The checkpoint readers may see. Threads: any.
struct PublishedTree {
  [[nodiscard]] CheckpointRecord newest() const {
    const std::lock_guard lock(mutex);
    return record;
  }
  void publish(CheckpointRecord next) {
    const std::lock_guard lock(mutex);
    record = std::move(next);
  }

  mutable std::mutex mutex;
  CheckpointRecord record;  // guarded by mutex
};

/// Tiles out of the `tiles` table. REQUIRES: used inside one transaction, in one thread.
class StoredTileReader final : public TileReader {
 public:
  explicit StoredTileReader(Statements& statements) : statements_(statements) {}
  /// Errors: kCorrupt (absent, or shorter than `tile.width` hashes).
  Result<std::string> read_tile(const Tile& tile) override;

 private:
  Statements& statements_;
};

}  // namespace statehouse
