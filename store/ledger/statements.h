#pragma once

#include "crypto/base/error.h"
#include "store/ledger/sqlite.h"

namespace statehouse {

/// Every statement the ledger runs, prepared for one connection; internal to store/ledger. The SQL
/// is in statements.cc, one line each, and nowhere else.
struct Statements {
  static Result<Statements> prepare(const Database& database);

  Statement begin_read, end_read, begin_write, commit, rollback;
  Statement savepoint, release_savepoint, rollback_savepoint;

  Statement meta;
  Statement insert_entry, entry, entry_range, entry_count;
  Statement put_tile, tile, insert_checkpoint, newest_checkpoint, checkpoint;
  Statement insert_evidence, evidence, evidence_of_entry, evidence_digests_of_entry, erase_evidence;

  Statement insert_repository, repository, repositories, delete_repository, live_refs_of_repository;
  Statement ref, refs, put_ref, live_names_below, live_name;
  Statement insert_version, version, versions, latest_versions, versions_of_commit, tips,
      newest_version_number;
  Statement insert_statement, statement;
  Statement insert_verdict, verdict, verdicts_of_entry;

  Statement insert_promotion, promotion, promotions, update_promotion, newest_promotion;
  Statement insert_approval, approvals, approval, insert_check, checks, check, insert_comment,
      comments, comment, comment_count;

  Statement insert_token, token, token_by_hash, tokens, revoke_token;
  Statement put_suspension, suspensions;
  Statement insert_outbox, outbox, clear_outbox;
  Statement put_value, value;
  Statement insert_idempotency, idempotency, idempotency_keys, purge_idempotency;
  Statement last_id, changes;
};

}  // namespace statehouse
