#pragma once

#include <cstdint>
#include <string_view>

#include "crypto/base/error.h"
#include "store/ledger/sqlite.h"

namespace statehouse {

/// "SHL1" and "SHI1": what the files' application_id says they are.
inline constexpr std::int64_t kLedgerApplicationId = 0x53484c31;
inline constexpr std::int64_t kIndexApplicationId = 0x53484931;

/// The number of the newest migration; kept in user_version.
std::int64_t newest_ledger_schema();

/// Runs the migrations that `database` lacks, each in its own transaction, in order.
/// Errors: kInvalidArgument when the file is newer than this program.
Result<> migrate_ledger(Database& database);

/// Pragmas of the one writing connection: WAL, synchronous=FULL, no automatic checkpoint (the
/// ledger thread checkpoints by itself, after it has answered).
Result<> configure_writer(Database& database);

/// Pragmas of every other connection: it can neither write nor checkpoint. SQLite before 3.51.3
/// corrupts the file when two connections do (sqlite.org/wal.html#walresetbug).
Result<> configure_reader(Database& database);

}  // namespace statehouse
