#include "store/ledger/connection.h"

#include "store/ledger/rows.h"
#include "store/ledger/schema.h"

namespace statehouse {

Result<> require_ledger(Database& database) {
  const auto id = database.integer("PRAGMA application_id");
  if (!id) return std::unexpected(id.error());
  if (*id != kLedgerApplicationId) return invalid_argument("opening the ledger: not a ledger");
  return {};
}

Result<std::unique_ptr<LedgerConnection>> LedgerConnection::open_reader(const Path& path,
                                                                        Database::Mode mode) {
  auto connection = std::make_unique<LedgerConnection>();
  connection->database = TRY(Database::open(path, mode));
  TRY(require_ledger(connection->database));
  TRY(configure_reader(connection->database));
  const std::int64_t version = TRY(connection->database.integer("PRAGMA user_version"));
  if (version != newest_ledger_schema()) {
    return invalid_argument("opening the ledger: it was written by another release");
  }
  connection->statements = TRY(Statements::prepare(connection->database));
  return connection;
}

Result<std::unique_ptr<ConnectionPool>> ConnectionPool::open(const Path& path, std::size_t count,
                                                             Database::Mode mode) {
  auto pool = std::make_unique<ConnectionPool>();
  for (std::size_t i = 0; i < count; ++i) {
    auto connection = TRY(LedgerConnection::open_reader(path, mode));
    pool->free_.push_back(std::move(connection));
  }
  return pool;
}

Result<ConnectionPool::Lease> ConnectionPool::lease() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [&] { return !free_.empty(); });
  std::unique_ptr<LedgerConnection> connection = std::move(free_.back());
  free_.pop_back();
  lock.unlock();
  Lease lease(*this, std::move(connection));
  TRY(lease.statements().begin_read.run());
  return lease;
}

ConnectionPool::Lease::~Lease() {
  if (!connection_) return;
  if (connection_->database.in_transaction()) (void)connection_->statements.end_read.run();
  pool_.give_back(std::move(connection_));
}

void ConnectionPool::give_back(std::unique_ptr<LedgerConnection> connection) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(connection));
  }
  returned_.notify_one();
}

Result<std::string> StoredTileReader::read_tile(const Tile& tile) {
  const auto hashes = TRY(statements_.tile.one(read_text, tile.level, tile.index));
  const std::size_t wanted = std::size_t{tile.width} * MerkleHash::kBytes;
  if (!hashes || hashes->size() < wanted || hashes->size() % MerkleHash::kBytes != 0) {
    return corrupt("reading " + tile_path(tile) + ": it is missing or too short");
  }
  return hashes->substr(0, wanted);
}

}  // namespace statehouse
