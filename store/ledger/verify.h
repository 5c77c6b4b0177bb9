#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/ed25519.h"
#include "crypto/merkle.h"
#include "store/model/name.h"

namespace statehouse {

struct ParsedEntry;

/// What to hold a ledger against. The key comes from the trust document, never from the ledger.
struct VerifyOptions {
  std::string origin;
  Epoch epoch = 1;
  std::vector<Ed25519PublicKey> log_keys;  ///< any of them may have signed; one suffices
  /// Called now and then with (entries done, entries in all); returning false ends the work early.
  std::function<bool(std::uint64_t done, std::uint64_t all)> progress = nullptr;
  /// Called for each entry that parses, in order, from within the reading of that one moment.
  std::function<void(const ParsedEntry& event, EntryIndex index)> each = nullptr;
  std::size_t findings_max = 1000;
};

/// One thing that is not as the log says.
struct VerifyFinding {
  std::string what;   ///< "entry", "tile", "checkpoint", "ref", "version", "evidence", …
  std::string where;  ///< "1042", "1/0", "platform:refs/heads/deploy@41"
  std::string why;
};

struct VerifyReport {
  std::vector<VerifyFinding> findings;  ///< empty: everything holds
  bool complete = true;  ///< false: ended early (progress said so, or too many findings)
  std::uint64_t entries = 0;
  std::uint64_t versions = 0;
  std::uint64_t evidence = 0;
  std::uint64_t evidence_erased = 0;  ///< tombstoned by law: not a finding
  std::uint64_t tree_size = 0;
  MerkleHash root;              ///< as re-derived
  std::string checkpoint_note;  ///< the newest, whether it verified or not
};

/// Re-derives a ledger from its entries and compares:
///   - SQLite's own integrity check;
///   - each entry parses, has its index, epoch, origin and a time not before its predecessor's;
///   - every tile, at every level, from the entries; no tile too many;
///   - every stored checkpoint: root of the tree at its size, and its signature; the newest covers
///     all entries;
///   - every ref.updated entry against the versions table, and their replay against the ref states;
///   - the verdicts on commits against the digest in the entry of the move that brought them;
///   - every statement.issued entry, and every promoted version, against the entries that they rest
///     on: the move it is about, the newest pin of the promotion;
///   - statements, promotions, approvals, comments, checks, tokens and suspensions, column by
///     column, against the entries that made, changed and ended them, and the evidence with their
///     text while it is not erased. In no entry are a token's hash (a changed one makes the token
///     useless, or another secret usable) and a check's address;
///   - no row of those beyond what the entries account for, and none too few;
///   - every repository that a ref is in has its row, and none is marked as deleted;
///   - every evidence digest named by an entry: name, media type, order and bytes, or a logged
///     evidence.erased names it; no evidence that no entry names.
/// Memory: one entry and one tile per level at a time, plus the refs, and the promotions and
/// suspensions without their text. Reads one consistent moment.
/// Errors: only when it could not look (kNotFound, kUnavailable, kInvalidArgument: not a ledger);
/// what it saw is in the report.
Result<VerifyReport> verify_ledger_file(const Path& path, const VerifyOptions& options);

}  // namespace statehouse
