#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/signed_note.h"
#include "store/ledger/reader.h"
#include "store/ledger/statements.h"
#include "store/ledger/tree.h"

namespace statehouse {

/// What start found. When `problems` is not empty the ledger must sign and write nothing.
struct StartReport {
  std::vector<std::string> problems;
  LogTree tree;
  CheckpointRecord newest;          ///< empty note unless it verified and covers the whole tree
  Timestamp last_entry_time;        ///< 1970 when the log is empty
  bool high_water_is_old = false;   ///< ours is newer and consistent: write it before serving
  std::size_t high_water_slot = 0;  ///< which slot of the high-water file is the newest
};

/// How far back from the end entries are compared with their leaf hashes at start.
inline constexpr std::uint64_t kStartTailEntries = 512;

/// The checks of Ledger::open; internal to store/ledger. Reads the tail, the right edge of the
/// tree and the refs, so it is quick on a ledger of any length; verify.h reads everything.
/// REQUIRES: inside a transaction. Errors: only what SQLite says; a failed check is a problem.
Result<StartReport> check_at_start(Statements& statements, const std::string& origin,
                                   const NoteKey& log_key, const Path& high_water_path);

/// Whether `state`, and the row of that version, are what their ref.updated entry says, and no row
/// is of a newer version. Errors: kCorrupt.
Result<> check_ref_state(const RefState& state, Statements& statements,
                         const MerkleHash& leaf_hash);

}  // namespace statehouse
