#pragma once

#include <string_view>

#include "store/ledger/ledger.h"

namespace statehouse {

/// The outbox kind of a version whose statement is still to be issued.
inline constexpr std::string_view kOutboxIssueStatement = "issue_statement";

/// A version that has no statement yet, and the outbox row that says so.
struct OwedStatement {
  RefKey key;
  VersionNumber version = 0;
  std::uint64_t outbox_id = 0;
};

/// Owes the statement of `version`, in the transaction that records it.
Result<> owe_statement(Transaction& transaction, const VersionRecord& version);

/// Whether the last `count` versions of `key`, of which `newest` is the last, all lack their
/// statements. Errors: as the ledger's.
Result<bool> owes_statements(const LedgerReader& ledger, const RefKey& key, VersionNumber newest,
                             VersionNumber count);

/// Reads an outbox row of kind kOutboxIssueStatement. Errors: kCorrupt.
Result<OwedStatement> parse_owed_statement(const OutboxRecord& record);

}  // namespace statehouse
