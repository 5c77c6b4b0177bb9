#pragma once

#include "crypto/base/error.h"
#include "store/git/git_repository.h"
#include "store/ledger/event.h"
#include "store/ledger/ledger.h"

namespace statehouse {

// What the log says, proved against the newest signed checkpoint. The other tables are a cache of
// it: whoever can write the disk can change a row, and put it back before anybody compares. What
// the store signs, what it moves a ref to and what decides all of that is taken from here, or held
// against it first.
//
// Errors of all: kCorrupt when it cannot be proved, or the row says something else; kUnavailable
// and kInternal when the ledger cannot be read. Threads: any.

/// Rows are seen a moment before the checkpoint that covers their entries. When this returns, the
/// entry at `index` can be proved, if there is one. Errors: as Ledger::commit.
Result<> await_entry(Ledger& ledger, EntryIndex index);

/// The entry at `index`, proved to be in the log that the newest checkpoint is of.
Result<ParsedEntry> read_proved_entry(const LedgerReader& ledger, EntryIndex index);

/// Version `number` of `key`, as its entry at `entry` says.
Result<VersionRecord> read_proved_version(const LedgerReader& ledger, const RefKey& key,
                                          VersionNumber number, EntryIndex entry);

/// The row of a version says in every column what its entry says.
Result<> require_as_logged(const LedgerReader& ledger, const VersionRecord& row);

/// The row of a statement has the digest that its entry says.
Result<> require_as_logged(const LedgerReader& ledger, const StatementRecord& row);

/// The row of an open promotion says what the entry that pinned its revision says, and the one that
/// opened it. That there is no newer revision follows from no proof: fsck sees one.
Result<> require_as_logged(const LedgerReader& ledger, const PromotionRecord& row);

/// `tree` is the tree of `commit`.
Result<> require_own_tree(const GitRepository& objects, const Oid& commit, const Oid& tree);

}  // namespace statehouse
