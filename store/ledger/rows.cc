#include "store/ledger/rows.h"

#include <utility>

#include "crypto/base/encoding.h"
#include "crypto/base/json.h"

namespace statehouse {

namespace {

/// What a parser refused in a row of ours is corruption, whatever the parser called it.
template <typename Value>
Result<Value> or_corrupt(Result<Value> value, std::string_view what) {
  if (value) return value;
  return corrupt("reading a row: bad " + std::string(what) + ": " + value.error().message);
}

Result<Oid> oid_at(const Row& row, int column) {
  const std::string_view bytes = row.view(column);
  if (bytes.size() != Oid::kBytes) return corrupt("reading a row: bad object id");
  return Oid::from_bytes(bytes);
}

Result<std::optional<Oid>> optional_oid_at(const Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return TRY(oid_at(row, column));
}

Result<RefKey> key_at(const Row& row, int column) {
  const std::string which = "ref in the row of `" + escape_for_message(row.view(column), 200) +
                            "` `" + escape_for_message(row.view(column + 1), 255) + "`";
  RepositoryName repository = TRY(or_corrupt(RepositoryName::parse(row.view(column)), which));
  RefName ref = TRY(or_corrupt(RefName::parse(row.view(column + 1)), which));
  return RefKey{std::move(repository), std::move(ref)};
}

/// commit_oid, commit_digest, tree_oid, tree_digest: all NULL for a deleted ref.
Result<std::optional<VersionContent>> content_at(const Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  VersionContent content;
  content.commit = TRY(oid_at(row, column));
  content.commit_digest = row.text(column + 1);
  content.tree = TRY(oid_at(row, column + 2));
  content.tree_digest = row.text(column + 3);
  return content;
}

Result<std::vector<std::string>> strings_at(const Row& row, int column) {
  const Json list = TRY(or_corrupt(parse_json(row.view(column)), "list"));
  std::vector<std::string> values;
  for (const Json& value : list) {
    if (!value.is_string()) return corrupt("reading a row: bad list");
    values.push_back(value.get<std::string>());
  }
  return values;
}

Result<std::vector<VersionNumber>> numbers_at(const Row& row, int column) {
  const Json list = TRY(or_corrupt(parse_json(row.view(column)), "list"));
  std::vector<VersionNumber> values;
  for (const Json& value : list) {
    if (!value.is_number_unsigned()) return corrupt("reading a row: bad list");
    values.push_back(value.get<VersionNumber>());
  }
  return values;
}

/// The optional views that a VersionContent binds as.
struct ContentColumns {
  explicit ContentColumns(const std::optional<VersionContent>& content) {
    if (!content) return;
    commit = Blob{content->commit.bytes()};
    commit_digest = content->commit_digest;
    tree = Blob{content->tree.bytes()};
    tree_digest = content->tree_digest;
  }
  std::optional<Blob> commit, tree;
  std::optional<std::string_view> commit_digest, tree_digest;
};

}  // namespace

Result<std::string> read_text(const Row& row) { return row.text(0); }
Result<std::uint64_t> read_count(const Row& row) { return row.count(0); }
Result<Oid> read_oid(const Row& row) { return oid_at(row, 0); }
Result<EntryRecord> read_entry(const Row& row) { return EntryRecord{row.count(0), row.text(1)}; }

Result<RefState> read_ref_state(const Row& row) {
  RefState state{.key = TRY(key_at(row, 0))};
  state.version = row.count(2);
  state.entry = row.count(3);
  state.content = TRY(content_at(row, 4));
  return state;
}

Result<VersionRecord> read_version(const Row& row) {
  const RefKey key = TRY(key_at(row, 0));
  VersionRecord record{{.key = key}, std::nullopt, row.count(23), row.time(24)};
  record.version = row.count(2);
  record.kind = TRY(or_corrupt(parse_version_kind(row.view(3)), "kind"));
  record.content = TRY(content_at(row, 4));
  record.push_id = row.text(8);
  record.forced = row.integer(9) != 0;
  record.commits = {row.count(10), row.count(11), row.count(12), row.count(13)};
  record.configuration = row.count(14);
  record.policy_digest = row.text(15);
  record.promotion = row.optional_count(16);
  record.approved_by = TRY(strings_at(row, 17));
  record.actor.identity = row.optional_text(18);
  record.actor.via = TRY(or_corrupt(parse_actor_via(row.view(19)), "via"));
  record.actor.token = row.optional_text(20);
  if (!row.is_null(21)) {
    const std::optional<Oid> commit = TRY(optional_oid_at(row, 22));
    record.previous = PreviousVersion{row.count(21), commit};
  }
  return record;
}

Result<RepositoryRecord> read_repository(const Row& row) {
  const RepositoryName name =
      TRY(or_corrupt(RepositoryName::parse(row.view(0)),
                     "repository name `" + escape_for_message(row.view(0), 200) + "`"));
  return RepositoryRecord{name, row.time(1), row.optional_time(2)};
}

Result<StatementRecord> read_statement(const Row& row) {
  StatementRecord record{.key = TRY(key_at(row, 0))};
  record.version = row.count(2);
  record.payload_digest = row.text(3);
  record.envelope = row.text(4);
  record.archive_digest = row.text(5);
  record.archive_bytes = row.count(6);
  record.entry = row.count(7);
  return record;
}

Result<CommitVerdictRecord> read_verdict(const Row& row) {
  const Oid commit = TRY(oid_at(row, 0));
  return CommitVerdictRecord{commit, row.text(1), row.text(2), row.optional_text(3), row.time(4)};
}

Result<PromotionRecord> read_promotion(const Row& row) {
  const RefKey source = TRY(key_at(row, 2));
  const RefKey target = TRY(key_at(row, 4));
  PromotionRecord record{.source = source, .target = target};
  record.number = row.count(0);
  record.kind = TRY(or_corrupt(parse_promotion_kind(row.view(1)), "kind"));
  record.flow = row.text(6);
  record.source_commit = TRY(oid_at(row, 7));
  record.source_commit_digest = row.text(8);
  record.tree = TRY(oid_at(row, 9));
  record.tree_digest = row.text(10);
  record.base_commit = TRY(optional_oid_at(row, 11));
  record.base_version = row.count(12);
  record.state = TRY(or_corrupt(parse_promotion_state(row.view(13)), "state"));
  record.revision = row.count(14);
  record.title = row.text(15);
  record.message = row.text(16);
  record.opener = row.text(17);
  record.opened = row.time(18);
  record.updated = row.time(19);
  record.rollback_to = row.count(20);
  record.merged_version = row.optional_count(21);
  record.ended_by = row.optional_text(22);
  record.ended = row.optional_time(23);
  return record;
}

Result<ApprovalRecord> read_approval(const Row& row) {
  ApprovalRecord record;
  record.id = row.count(0);
  record.promotion = row.count(1);
  record.revision = row.count(2);
  record.identity = row.text(3);
  record.fingerprint = row.text(4);
  record.verdict = TRY(or_corrupt(parse_approval_verdict(row.view(5)), "verdict"));
  record.envelope_digest = row.text(6);
  record.received = row.time(7);
  record.expires = row.optional_time(8);
  record.drops = TRY(numbers_at(row, 9));
  record.entry = row.count(10);
  return record;
}

Result<CheckRecord> read_check(const Row& row) {
  CheckRecord record;
  record.id = row.count(0);
  record.promotion = row.count(1);
  record.revision = row.count(2);
  record.name = row.text(3);
  record.status = TRY(or_corrupt(parse_check_status(row.view(4)), "status"));
  record.url = row.text(5);
  record.identity = row.text(6);
  record.fingerprint = row.text(7);
  record.envelope_digest = row.text(8);
  record.received = row.time(9);
  record.entry = row.count(10);
  return record;
}

Result<CommentRecord> read_comment(const Row& row) {
  return CommentRecord{row.count(0),         row.count(1),          row.text(2), row.text(3),
                       row.optional_text(4), row.optional_count(5), row.time(6), row.count(7)};
}

Result<TokenRecord> read_token(const Row& row) {
  const TokenScope scope = TRY(or_corrupt(parse_token_scope(row.view(3)), "scope"));
  return TokenRecord{row.text(0), row.text(1), row.text(2),          scope,       row.text(4),
                     row.time(5), row.time(6), row.optional_time(7), row.count(8)};
}

Result<SuspensionRecord> read_suspension(const Row& row) {
  return SuspensionRecord{row.text(0), row.time(1), row.time(2), row.count(3)};
}

Result<OutboxRecord> read_outbox(const Row& row) {
  OutboxRecord record;
  record.id = row.count(0);
  record.kind = row.text(1);
  record.payload = row.text(6);
  record.created = row.time(7);
  const std::string which = "reading outbox row " + std::to_string(record.id);
  if (!row.is_null(2)) record.key = TRY_WITH(which, key_at(row, 2));
  record.old_commit = TRY_WITH(which, optional_oid_at(row, 4));
  record.new_commit = TRY_WITH(which, optional_oid_at(row, 5));
  if (record.kind == kOutboxPublishRefs) {
    if (!record.key) return corrupt(which + ": it names no ref");
    return record;
  }
  const Json payload = TRY_WITH(which, or_corrupt(parse_json(record.payload), "payload"));
  if (!payload.is_object()) return corrupt(which + ": bad payload");
  return record;
}

Result<IdempotencyRecord> read_idempotency(const Row& row) {
  return IdempotencyRecord{row.text(0), row.text(1), row.time(2)};
}

Result<EvidenceRecord> read_evidence(const Row& row) {
  EvidenceRecord record{row.text(0), row.count(1), row.text(2), row.text(3), std::nullopt};
  if (row.is_null(5)) return record;
  record.content = EvidenceRecord::Content{row.text(4), row.text(5)};
  if (record.content->salt.size() != 16 ||
      evidence_digest(record.content->salt, record.content->bytes) != record.digest) {
    return corrupt("reading evidence " + record.digest + ": the bytes do not match");
  }
  return record;
}

Result<std::vector<PromotionRecord>> select_promotions(Statements& statements,
                                                       const PromotionQuery& query,
                                                       std::size_t count_max) {
  std::optional<std::string_view> state;
  if (query.state) state = name_of(*query.state);
  std::optional<std::string_view> target_repository, target_ref, source_repository, source_ref;
  if (query.target) {
    target_repository = query.target->repository.str();
    target_ref = query.target->ref.str();
  }
  if (query.source) {
    source_repository = query.source->repository.str();
    source_ref = query.source->ref.str();
  }
  std::optional<Blob> source_commit;
  if (query.source_commit) source_commit = Blob{query.source_commit->bytes()};
  return statements.promotions.all(read_promotion, query.before.value_or(kNoBound), state,
                                   target_repository, target_ref, source_repository, source_ref,
                                   query.flow, query.opener, source_commit, count_max);
}

Result<> write_ref_state(Statements& statements, const RefState& state) {
  const ContentColumns content(state.content);
  return statements.put_ref.run(state.key.repository.str(), state.key.ref.str(), state.version,
                                state.entry, content.commit, content.commit_digest, content.tree,
                                content.tree_digest);
}

Result<> write_version(Statements& statements, const VersionRecord& version) {
  const ContentColumns content(version.content);
  std::optional<VersionNumber> previous_version;
  std::optional<Blob> previous_commit;
  if (version.previous) {
    previous_version = version.previous->version;
    previous_commit = blob_of(version.previous->commit);
  }
  const std::string approved_by = dump_json(version.approved_by);
  return statements.insert_version.run(
      version.key.repository.str(), version.key.ref.str(), version.version, name_of(version.kind),
      content.commit, content.commit_digest, content.tree, content.tree_digest, version.push_id,
      version.forced, version.commits.fresh, version.commits.verified, version.commits.unverified,
      version.commits.baseline, version.configuration, version.policy_digest, version.promotion,
      approved_by, version.actor.identity, name_of(version.actor.via), version.actor.token,
      previous_version, previous_commit, version.entry, version.time);
}

Result<> write_promotion(Statements& statements, const PromotionRecord& promotion) {
  return statements.insert_promotion.run(
      promotion.number, name_of(promotion.kind), promotion.source.repository.str(),
      promotion.source.ref.str(), promotion.target.repository.str(), promotion.target.ref.str(),
      promotion.flow, Blob{promotion.source_commit.bytes()}, promotion.source_commit_digest,
      Blob{promotion.tree.bytes()}, promotion.tree_digest, blob_of(promotion.base_commit),
      promotion.base_version, name_of(promotion.state), promotion.revision, promotion.title,
      promotion.message, promotion.opener, promotion.opened, promotion.updated,
      promotion.rollback_to, promotion.merged_version, promotion.ended_by, promotion.ended);
}

Result<> rewrite_promotion(Statements& statements, const PromotionRecord& promotion) {
  return statements.update_promotion.run(
      promotion.number, promotion.source.ref.str(), Blob{promotion.source_commit.bytes()},
      promotion.source_commit_digest, Blob{promotion.tree.bytes()}, promotion.tree_digest,
      blob_of(promotion.base_commit), promotion.base_version, name_of(promotion.state),
      promotion.revision, promotion.title, promotion.message, promotion.updated,
      promotion.rollback_to, promotion.merged_version, promotion.ended_by, promotion.ended);
}

Result<> write_approval(Statements& statements, const ApprovalRecord& approval) {
  const std::string drops = dump_json(approval.drops);
  return statements.insert_approval.run(approval.promotion, approval.revision, approval.identity,
                                        approval.fingerprint, name_of(approval.verdict),
                                        approval.envelope_digest, approval.received,
                                        approval.expires, drops, approval.entry);
}

Result<> write_check(Statements& statements, const CheckRecord& check) {
  return statements.insert_check.run(
      check.promotion, check.revision, check.name, name_of(check.status), check.url, check.identity,
      check.fingerprint, check.envelope_digest, check.received, check.entry);
}

Result<> write_comment(Statements& statements, const CommentRecord& comment) {
  return statements.insert_comment.run(comment.promotion, comment.identity, comment.text,
                                       comment.path, comment.line, comment.time, comment.entry);
}

Result<> write_token(Statements& statements, const TokenRecord& token) {
  return statements.insert_token.run(token.id, Blob{token.hash}, token.identity,
                                     name_of(token.scope), token.repositories, token.created,
                                     token.expires, token.revoked, token.entry);
}

}  // namespace statehouse
