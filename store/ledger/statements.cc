#include "store/ledger/statements.h"

#include <string_view>

namespace statehouse {

namespace {

#define VERSION_COLUMNS                                                                          \
  "repository, ref, version, kind, commit_oid, commit_digest, tree_oid, tree_digest, push_id, "  \
  "forced, commits_new, commits_verified, commits_unverified, commits_baseline, configuration, " \
  "policy_digest, promotion, approved_by, actor_identity, actor_via, actor_token, "              \
  "previous_version, previous_commit, entry, time"
#define REF_COLUMNS \
  "repository, ref, version, entry, commit_oid, commit_digest, tree_oid, tree_digest"
#define PROMOTION_COLUMNS                                                                          \
  "number, kind, source_repository, source_ref, target_repository, target_ref, flow, "             \
  "source_commit, source_commit_digest, tree_oid, tree_digest, base_commit, base_version, state, " \
  "revision, title, message, opener, opened, updated, rollback_to, merged_version, ended_by, "     \
  "ended"
#define APPROVAL_COLUMNS                                                                      \
  "promotion, revision, identity, fingerprint, verdict, envelope_digest, received, expires, " \
  "drops, entry"
#define CHECK_COLUMNS                                                                          \
  "promotion, revision, name, status, url, identity, fingerprint, envelope_digest, received, " \
  "entry"
#define COMMENT_COLUMNS "promotion, identity, text, path, line, time, entry"
#define TOKEN_COLUMNS "id, hash, identity, scope, repositories, created, expires, revoked, entry"

struct Definition {
  Statement Statements::* member;
  std::string_view sql;
};

using S = Statements;

constexpr Definition kTransactions[] = {
    {&S::begin_read, "BEGIN"},
    {&S::end_read, "COMMIT"},
    {&S::begin_write, "BEGIN IMMEDIATE"},
    {&S::commit, "COMMIT"},
    {&S::rollback, "ROLLBACK"},
    {&S::savepoint, "SAVEPOINT job"},
    {&S::release_savepoint, "RELEASE job"},
    {&S::rollback_savepoint, "ROLLBACK TO job"},
    {&S::last_id, "SELECT last_insert_rowid()"},
    {&S::changes, "SELECT changes()"},
};

constexpr Definition kLog[] = {
    {&S::meta, "SELECT value FROM meta WHERE name = ?1"},
    {&S::insert_entry, "INSERT INTO entries (idx, bytes) VALUES (?1, ?2)"},
    {&S::entry, "SELECT idx, bytes FROM entries WHERE idx = ?1"},
    {&S::entry_range, "SELECT idx, bytes FROM entries WHERE idx >= ?1 AND idx < ?2 ORDER BY idx"},
    {&S::entry_count, "SELECT coalesce(max(idx) + 1, 0) FROM entries"},
    {&S::put_tile,
     "INSERT INTO tiles (level, n, hashes) VALUES (?1, ?2, ?3) "
     "ON CONFLICT (level, n) DO UPDATE SET hashes = ?3"},
    {&S::tile, "SELECT hashes FROM tiles WHERE level = ?1 AND n = ?2"},
    {&S::insert_checkpoint, "INSERT INTO checkpoints (size, note) VALUES (?1, ?2)"},
    {&S::newest_checkpoint, "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"},
    {&S::checkpoint, "SELECT size, note FROM checkpoints WHERE size = ?1"},
    {&S::insert_evidence,
     "INSERT INTO evidence (digest, entry, position, name, media_type, salt, bytes) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
    {&S::evidence,
     "SELECT digest, entry, name, media_type, salt, bytes FROM evidence WHERE digest = ?1"},
    {&S::evidence_of_entry,
     "SELECT digest, entry, name, media_type, salt, bytes FROM evidence WHERE entry = ?1 "
     "ORDER BY position"},
    {&S::evidence_digests_of_entry,
     "SELECT digest FROM evidence WHERE entry = ?1 ORDER BY position"},
    {&S::erase_evidence, "UPDATE evidence SET salt = NULL, bytes = NULL WHERE digest = ?1"},
};

constexpr Definition kRefs[] = {
    {&S::insert_repository, "INSERT INTO repositories (name, created) VALUES (?1, ?2)"},
    {&S::repository, "SELECT name, created, deleted FROM repositories WHERE name = ?1"},
    {&S::repositories, "SELECT name, created, deleted FROM repositories ORDER BY name"},
    {&S::delete_repository, "UPDATE repositories SET deleted = ?2 WHERE name = ?1"},
    {&S::live_refs_of_repository,
     "SELECT count(*) FROM refs WHERE repository = ?1 AND commit_oid IS NOT NULL"},
    {&S::ref, "SELECT " REF_COLUMNS " FROM refs WHERE repository = ?1 AND ref = ?2"},
    {&S::refs, "SELECT " REF_COLUMNS " FROM refs ORDER BY repository, ref"},
    {&S::put_ref,
     "INSERT INTO refs (" REF_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
     "ON CONFLICT (repository, ref) DO UPDATE SET version = ?3, entry = ?4, commit_oid = ?5, "
     "commit_digest = ?6, tree_oid = ?7, tree_digest = ?8"},
    // "refs/heads/a/" <= name < "refs/heads/a0": '0' follows '/' in ASCII.
    {&S::live_names_below,
     "SELECT ref FROM refs WHERE repository = ?1 AND ref >= ?2 || '/' AND ref < ?2 || '0' "
     "AND commit_oid IS NOT NULL LIMIT 1"},
    {&S::live_name,
     "SELECT ref FROM refs WHERE repository = ?1 AND ref = ?2 AND commit_oid IS NOT NULL"},
    {&S::insert_version,
     "INSERT INTO versions (" VERSION_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
     "?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)"},
    {&S::version, "SELECT " VERSION_COLUMNS
                  " FROM versions WHERE repository = ?1 AND ref = ?2 AND version = ?3"},
    {&S::versions,
     "SELECT " VERSION_COLUMNS " FROM versions WHERE repository = ?1 AND ref = ?2 AND version < ?3 "
     "ORDER BY version DESC LIMIT ?4"},
    {&S::latest_versions,
     "SELECT " VERSION_COLUMNS " FROM versions WHERE entry < ?1 ORDER BY entry DESC LIMIT ?2"},
    {&S::versions_of_commit,
     "SELECT " VERSION_COLUMNS
     " FROM versions WHERE repository = ?1 AND commit_oid = ?2 ORDER BY entry"},
    {&S::tips,
     "SELECT DISTINCT commit_oid FROM versions WHERE repository = ?1 AND commit_oid IS NOT NULL"},
    {&S::newest_version_number,
     "SELECT coalesce(max(version), 0) FROM versions WHERE repository = ?1 AND ref = ?2"},
    {&S::insert_statement,
     "INSERT INTO statements (repository, ref, version, payload_digest, envelope, archive_digest, "
     "archive_bytes, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
    {&S::statement,
     "SELECT repository, ref, version, payload_digest, envelope, archive_digest, archive_bytes, "
     "entry FROM statements WHERE repository = ?1 AND ref = ?2 AND version = ?3"},
    {&S::insert_verdict,
     "INSERT INTO verdicts (commit_oid, commit_digest, verdict, pusher, received, entry) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
    {&S::verdicts_of_entry,
     "SELECT commit_oid, commit_digest, verdict, pusher, received FROM verdicts "
     "WHERE entry = ?1 ORDER BY commit_oid"},
    {&S::verdict,
     "SELECT commit_oid, commit_digest, verdict, pusher, received FROM verdicts "
     "WHERE commit_oid = ?1"},
};

constexpr Definition kPromotions[] = {
    {&S::insert_promotion,
     "INSERT INTO promotions (" PROMOTION_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
     "?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)"},
    {&S::promotion, "SELECT " PROMOTION_COLUMNS " FROM promotions WHERE number = ?1"},
    {&S::promotions, "SELECT " PROMOTION_COLUMNS
                     " FROM promotions WHERE number < ?1 AND (?2 IS NULL OR state = ?2) "
                     "AND (?3 IS NULL OR (target_repository = ?3 AND target_ref = ?4)) "
                     "AND (?5 IS NULL OR (source_repository = ?5 AND source_ref = ?6)) "
                     "AND (?7 IS NULL OR flow = ?7) AND (?8 IS NULL OR opener = ?8) "
                     "AND (?9 IS NULL OR source_commit = ?9) "
                     "ORDER BY number DESC LIMIT ?10"},
    {&S::update_promotion,
     "UPDATE promotions SET source_ref = ?2, source_commit = ?3, source_commit_digest = ?4, "
     "tree_oid = ?5, tree_digest = ?6, base_commit = ?7, base_version = ?8, state = ?9, "
     "revision = ?10, title = ?11, message = ?12, updated = ?13, rollback_to = ?14, "
     "merged_version = ?15, ended_by = ?16, ended = ?17 WHERE number = ?1"},
    {&S::newest_promotion, "SELECT coalesce(max(number), 0) FROM promotions"},
    {&S::insert_approval, "INSERT INTO approvals (" APPROVAL_COLUMNS
                          ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
    {&S::approvals,
     "SELECT id, " APPROVAL_COLUMNS " FROM approvals WHERE promotion = ?1 ORDER BY id"},
    {&S::approval, "SELECT id, " APPROVAL_COLUMNS " FROM approvals WHERE id = ?1"},
    {&S::insert_check,
     "INSERT INTO checks (" CHECK_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
    {&S::checks, "SELECT id, " CHECK_COLUMNS " FROM checks WHERE promotion = ?1 ORDER BY id"},
    {&S::check, "SELECT id, " CHECK_COLUMNS " FROM checks WHERE id = ?1"},
    {&S::insert_comment,
     "INSERT INTO comments (" COMMENT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
    {&S::comments, "SELECT id, " COMMENT_COLUMNS " FROM comments WHERE promotion = ?1 ORDER BY id"},
    {&S::comment, "SELECT id, " COMMENT_COLUMNS " FROM comments WHERE id = ?1"},
    {&S::comment_count, "SELECT count(*) FROM comments WHERE promotion = ?1"},
};

constexpr Definition kOther[] = {
    {&S::insert_token,
     "INSERT INTO tokens (" TOKEN_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
    {&S::token, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE id = ?1"},
    {&S::token_by_hash, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE hash = ?1"},
    {&S::tokens, "SELECT " TOKEN_COLUMNS " FROM tokens ORDER BY created DESC, id"},
    {&S::revoke_token, "UPDATE tokens SET revoked = ?2 WHERE id = ?1"},
    {&S::put_suspension,
     "INSERT INTO suspensions (identity, since, until, entry) VALUES (?1, ?2, ?3, ?4) "
     "ON CONFLICT (identity) DO UPDATE SET since = ?2, until = ?3, entry = ?4"},
    {&S::suspensions,
     "SELECT identity, since, until, entry FROM suspensions WHERE until > ?1 ORDER BY identity"},
    {&S::insert_outbox,
     "INSERT INTO outbox (kind, repository, ref, old_commit, new_commit, payload, created) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
    {&S::outbox,
     "SELECT id, kind, repository, ref, old_commit, new_commit, payload, created FROM outbox "
     "ORDER BY id"},
    {&S::clear_outbox, "DELETE FROM outbox WHERE id = ?1"},
    {&S::put_value,
     "INSERT INTO named_values (name, value) VALUES (?1, ?2) "
     "ON CONFLICT (name) DO UPDATE SET value = ?2"},
    {&S::value, "SELECT value FROM named_values WHERE name = ?1"},
    {&S::insert_idempotency,
     "INSERT INTO idempotency (caller, key, request_digest, response, created) "
     "VALUES (?1, ?2, ?3, ?4, ?5)"},
    {&S::idempotency,
     "SELECT request_digest, response, created FROM idempotency WHERE caller = ?1 AND key = ?2 "
     "AND created > ?3"},
    {&S::idempotency_keys,
     "SELECT count(*) FROM idempotency WHERE caller >= ?1 AND caller < ?2 AND created > ?3"},
    {&S::purge_idempotency, "DELETE FROM idempotency WHERE created <= ?1"},
};

template <std::size_t Count>
Result<> prepare_group(const Database& database, Statements& statements,
                       const Definition (&definitions)[Count]) {
  for (const Definition& definition : definitions) {
    statements.*definition.member = TRY(Statement::prepare(database, definition.sql));
  }
  return {};
}

}  // namespace

Result<Statements> Statements::prepare(const Database& database) {
  Statements statements;
  TRY(prepare_group(database, statements, kTransactions));
  TRY(prepare_group(database, statements, kLog));
  TRY(prepare_group(database, statements, kRefs));
  TRY(prepare_group(database, statements, kPromotions));
  TRY(prepare_group(database, statements, kOther));
  return statements;
}

}  // namespace statehouse
