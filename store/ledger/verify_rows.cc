#include "store/ledger/verify_rows.h"

#include <limits>
#include <utility>

#include "crypto/base/limits.h"
#include "crypto/dsse.h"
#include "crypto/sha256.h"
#include "store/ledger/rows.h"

namespace statehouse {

namespace {

/// The columns in which a row is not what was expected.
class Differences {
 public:
  void unless(bool same, std::string_view column) {
    if (same) return;
    if (!columns_.empty()) columns_ += ", ";
    columns_ += column;
  }
  [[nodiscard]] bool any() const { return !columns_.empty(); }
  /// "not what entry 12 says: drops, expires".
  [[nodiscard]] std::string told(EntryIndex entry) const {
    return "not what entry " + std::to_string(entry) + " says: " + columns_;
  }

 private:
  std::string columns_;
};

/// Whether the member is there and has this value.
bool says(const Json& object, std::string_view name, const Json& value) {
  const auto member = json_member(object, name);
  return member && **member == value;
}

template <typename Value>
Json json_or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_or_null(const std::optional<Timestamp>& time) {
  return time ? Json(time->rfc3339()) : Json(nullptr);
}

/// The digest of the evidence that an entry binds under `name`; empty when there is none.
std::string evidence_named(const ParsedEntry& event, std::string_view name) {
  const Json& pieces = event.data.at("evidence");
  for (std::size_t i = 0; i < event.evidence_digests.size(); ++i) {
    if (says(pieces[i], "name", name)) return event.evidence_digests[i];
  }
  return "";
}

std::string entry_text(EntryIndex index) { return "entry " + std::to_string(index); }

std::string promotion_text(PromotionNumber number) { return "promotion " + std::to_string(number); }

}  // namespace

Result<> RowComparison::compare(const ParsedEntry& event, EntryIndex index) {
  switch (event.type) {
    case EventType::kRefUpdated:
      expect_merged(event, index);
      return {};
    case EventType::kStatementIssued:
      compare_statement(event, index);
      return {};
    case EventType::kPromotionOpened:
      expect_opened(event, index);
      return {};
    case EventType::kPromotionUpdated:
      expect_updated(event, index);
      return {};
    case EventType::kPromotionClosed:
      expect_closed(event, index);
      return {};
    case EventType::kPromotionCommented:
      return compare_comment(event, index);
    case EventType::kPromotionApproved:
    case EventType::kPromotionRejected:
      compare_approval(event, index);
      return {};
    case EventType::kCheckReported:
      compare_check(event, index);
      return {};
    case EventType::kTokenCreated:
      compare_new_token(event, index);
      return {};
    case EventType::kTokenRevoked:
      compare_revoked_token(event, index);
      return {};
    case EventType::kIdentitySuspended:
      expect_suspended(event, index);
      return {};
    case EventType::kStoreInitialized:
    case EventType::kRefRefused:
    case EventType::kConfigurationActivated:
    case EventType::kPromotionRefused:
    case EventType::kReconcilerReported:
    case EventType::kIntegrityAlarmed:
    case EventType::kEvidenceErased:
    case EventType::kEpochDeclared:
    case EventType::kTrustPublished:
      return {};
  }
  return {};
}

Result<> RowComparison::finish() {
  for (const auto& [number, expected] : promotions_) TRY(compare_promotion(expected));
  for (const std::string& id : revoked_) {
    find_("token", id, "it is revoked, and no entry says so");
  }
  compare_suspensions();
  TRY(compare_count("statement", "statements", issued_));
  TRY(compare_count("promotion", "promotions", promotions_.size()));
  TRY(compare_count("approval", "approvals", approvals_));
  TRY(compare_count("comment", "comments", comments_));
  TRY(compare_count("check", "checks", checks_));
  return compare_count("token", "tokens", tokens_);
}

Result<> RowComparison::compare_count(const std::string& what, const std::string& table,
                                      std::uint64_t accounted) {
  const std::int64_t rows = TRY(database_.integer("SELECT count(*) FROM " + table));
  if (static_cast<std::uint64_t>(rows) == accounted) return {};
  find_(what, "all",
        "there are " + std::to_string(rows) + " rows, and the entries account for " +
            std::to_string(accounted));
  return {};
}

// Promotions change: what the entries say is gathered, and compared after the last one.

void RowComparison::expect_opened(const ParsedEntry& event, EntryIndex index) {
  auto stated = parse_promotion_pinned(event);
  if (!stated) return find_("promotion", entry_text(index), stated.error().message);
  stated->opener = event.actor.identity.value_or("");
  stated->opened = stated->updated = event.time;
  const PromotionNumber number = stated->number;
  ExpectedPromotion expected{*std::move(stated), index, evidence_named(event, "text")};
  if (!promotions_.try_emplace(number, std::move(expected)).second) {
    find_("promotion", entry_text(index), promotion_text(number) + " was opened before");
  }
}

void RowComparison::expect_updated(const ParsedEntry& event, EntryIndex index) {
  auto stated = parse_promotion_pinned(event);
  if (!stated) return find_("promotion", entry_text(index), stated.error().message);
  ExpectedPromotion* const expected = promotion_of(event, index);
  if (expected == nullptr) return;
  stated->opener = expected->record.opener;
  stated->opened = expected->record.opened;
  stated->updated = event.time;
  *expected = {*std::move(stated), index, evidence_named(event, "text")};
}

void RowComparison::expect_merged(const ParsedEntry& event, EntryIndex index) {
  const auto version = parse_ref_updated(event, index);
  if (!version || !version->promotion) return;  // the comparison of versions tells a bad one
  ExpectedPromotion* const expected = promotion_of(event, index);
  if (expected == nullptr) return;
  PromotionRecord& record = expected->record;
  const bool as_pinned = version->key == record.target && version->content &&
                         version->content->tree == record.tree &&
                         version->content->tree_digest == record.tree_digest;
  if (!as_pinned) {
    find_("version", version->key.str() + "@" + std::to_string(version->version),
          "it is not what " + promotion_text(record.number) + " pinned last, in entry " +
              std::to_string(expected->newest));
  }
  record.state = PromotionState::kMerged;
  record.merged_version = version->version;
  record.base_version = version->previous ? version->previous->version : 0;
  record.base_commit = version->previous ? version->previous->commit : std::nullopt;
  // Without an identity it was the server that merged, on behalf of whoever opened it.
  record.ended_by = event.actor.identity.value_or(record.opener);
  record.ended = record.updated = event.time;
  expected->newest = index;
}

void RowComparison::expect_closed(const ParsedEntry& event, EntryIndex index) {
  ExpectedPromotion* const expected = promotion_of(event, index);
  if (expected == nullptr) return;
  PromotionRecord& record = expected->record;
  record.state = PromotionState::kClosed;
  record.ended_by = event.actor.identity.value_or("");
  record.ended = record.updated = event.time;
  expected->newest = index;
}

RowComparison::ExpectedPromotion* RowComparison::promotion_of(const ParsedEntry& event,
                                                              EntryIndex index) {
  const auto number = json_integer(event.data, "promotion");
  const auto found = promotions_.find(number ? static_cast<PromotionNumber>(*number) : 0);
  if (found != promotions_.end()) return &found->second;
  find_("promotion", entry_text(index), "no entry opened the promotion that it is about");
  return nullptr;
}

Result<> RowComparison::compare_promotion(const ExpectedPromotion& expected) {
  const PromotionRecord& stated = expected.record;
  const std::string where = std::to_string(stated.number);
  const auto found = statements_.promotion.one(read_promotion, stated.number);
  const PromotionRecord* const row = require_row(found, "promotion", where);
  if (row == nullptr) return {};
  Differences differences;
  differences.unless(row->kind == stated.kind, "kind");
  differences.unless(row->source == stated.source, "source");
  differences.unless(row->target == stated.target, "target");
  differences.unless(row->flow == stated.flow, "flow");
  differences.unless(row->source_commit == stated.source_commit, "source commit");
  differences.unless(row->source_commit_digest == stated.source_commit_digest,
                     "source commit digest");
  differences.unless(row->tree == stated.tree, "tree");
  differences.unless(row->tree_digest == stated.tree_digest, "tree digest");
  differences.unless(row->base_commit == stated.base_commit, "base commit");
  differences.unless(row->base_version == stated.base_version, "base version");
  differences.unless(row->state == stated.state, "state");
  differences.unless(row->revision == stated.revision, "revision");
  differences.unless(row->opener == stated.opener, "opener");
  differences.unless(row->opened == stated.opened, "opened");
  differences.unless(row->updated == stated.updated, "updated");
  differences.unless(row->rollback_to == stated.rollback_to, "version to restore");
  differences.unless(row->merged_version == stated.merged_version, "merged version");
  differences.unless(row->ended_by == stated.ended_by, "ended by");
  differences.unless(row->ended == stated.ended, "ended");
  if (const auto text = TRY(text_of(expected.text))) {
    differences.unless(says(*text, "title", row->title), "title");
    differences.unless(says(*text, "message", row->message), "message");
  }
  if (differences.any()) find_("promotion", where, differences.told(expected.newest));
  return {};
}

// Approvals, comments and checks never change and are never deleted: their rows are numbered from
// one in the order of their entries.

void RowComparison::compare_approval(const ParsedEntry& event, EntryIndex index) {
  const std::string where = entry_text(index);
  const auto found = statements_.approval.one(read_approval, ++approvals_);
  const ApprovalRecord* const row = require_row(found, "approval", where);
  if (row == nullptr) return;
  const bool approved = event.type == EventType::kPromotionApproved;
  Differences differences;
  differences.unless(row->entry == index, "entry");
  differences.unless(says(event.data, "promotion", row->promotion), "promotion");
  differences.unless(says(event.data, "revision", row->revision), "revision");
  differences.unless(says(event.data, "identity", row->identity), "identity");
  differences.unless(says(event.data, "fingerprint", row->fingerprint), "fingerprint");
  differences.unless((row->verdict == ApprovalVerdict::kApprove) == approved, "verdict");
  differences.unless(says(event.data, "drops", row->drops), "drops");
  differences.unless(says(event.data, "expires", json_or_null(row->expires)), "expires");
  differences.unless(row->received == event.time, "received");
  differences.unless(row->envelope_digest == evidence_named(event, "approval"), "envelope");
  if (differences.any()) find_("approval", where, differences.told(index));
}

void RowComparison::compare_check(const ParsedEntry& event, EntryIndex index) {
  const std::string where = entry_text(index);
  const auto found = statements_.check.one(read_check, ++checks_);
  const CheckRecord* const row = require_row(found, "check", where);
  if (row == nullptr) return;
  Differences differences;
  differences.unless(row->entry == index, "entry");
  differences.unless(says(event.data, "promotion", row->promotion), "promotion");
  differences.unless(says(event.data, "revision", row->revision), "revision");
  differences.unless(says(event.data, "name", row->name), "name");
  differences.unless(says(event.data, "status", name_of(row->status)), "status");
  differences.unless(says(event.data, "identity", row->identity), "identity");
  differences.unless(says(event.data, "fingerprint", row->fingerprint), "fingerprint");
  differences.unless(row->received == event.time, "received");
  differences.unless(row->envelope_digest == evidence_named(event, "check"), "envelope");
  if (differences.any()) find_("check", where, differences.told(index));
}

Result<> RowComparison::compare_comment(const ParsedEntry& event, EntryIndex index) {
  const std::string where = entry_text(index);
  const auto found = statements_.comment.one(read_comment, ++comments_);
  const CommentRecord* const row = require_row(found, "comment", where);
  if (row == nullptr) return {};
  Differences differences;
  differences.unless(row->entry == index, "entry");
  differences.unless(says(event.data, "promotion", row->promotion), "promotion");
  differences.unless(event.actor.identity == row->identity, "identity");
  differences.unless(row->time == event.time, "time");
  if (const auto text = TRY(text_of(evidence_named(event, "comment")))) {
    differences.unless(says(*text, "message", row->text), "text");
    differences.unless(says(*text, "path", json_or_null(row->path)), "path");
    differences.unless(says(*text, "line", json_or_null(row->line)), "line");
  }
  if (differences.any()) find_("comment", where, differences.told(index));
  return {};
}

Result<std::optional<Json>> RowComparison::text_of(std::string_view digest) {
  const auto evidence = statements_.evidence.one(read_evidence, digest);
  if (!evidence && evidence.error().code != ErrorCode::kCorrupt) {
    return std::unexpected(evidence.error());
  }
  if (!evidence || !*evidence || !(*evidence)->content) return std::nullopt;
  const auto text = parse_json((*evidence)->content->bytes, limits::kEvidenceBytesMax);
  return text ? *text : Json(nullptr);
}

void RowComparison::compare_statement(const ParsedEntry& event, EntryIndex index) {
  ++issued_;
  const std::string where = entry_text(index);
  const auto repository = json_string(event.data, "repository");
  const auto ref = json_string(event.data, "ref");
  const auto version = json_integer(event.data, "version");
  const auto archive = json_member(event.data, "archive");
  if (!repository || !ref || !version || !archive) {
    return find_("statement", where, "the entry does not say of what");
  }
  compare_with_move(event, index,
                    statements_.version.one(read_version, *repository, *ref, *version));
  const auto found = statements_.statement.one(read_statement, *repository, *ref, *version);
  const StatementRecord* const row = require_row(found, "statement", where);
  if (row == nullptr) return;
  const auto envelope = DsseEnvelope::parse(row->envelope);
  Differences differences;
  differences.unless(row->entry == index, "entry");
  differences.unless(says(event.data, "statement", row->payload_digest), "payload digest");
  differences.unless(
      envelope && says(event.data, "statement", sha256_digest_text(envelope->payload)), "envelope");
  differences.unless(says(**archive, "sha256", row->archive_digest), "archive digest");
  differences.unless(says(**archive, "size", row->archive_bytes), "archive size");
  if (differences.any()) find_("statement", where, differences.told(index));
}

/// What was stated is what the entry of the move says: `row` is, or the comparison of versions
/// tells.
void RowComparison::compare_with_move(const ParsedEntry& event, EntryIndex index,
                                      const Result<std::optional<VersionRecord>>& row) {
  const std::string where = entry_text(index);
  if (!row || !*row || !(*row)->content) {
    return find_("statement", where, "it is about no version that there is");
  }
  const VersionContent& content = *(*row)->content;
  Differences differences;
  differences.unless(says(event.data, "commit", content.commit.hex()), "commit");
  differences.unless(says(event.data, "tree", content.tree.hex()), "tree");
  differences.unless(says(event.data, "treeSha256", content.tree_digest), "tree digest");
  differences.unless(says(event.data, "entry", (*row)->entry), "entry");
  if (differences.any()) find_("statement", where, differences.told((*row)->entry));
}

void RowComparison::compare_new_token(const ParsedEntry& event, EntryIndex index) {
  ++tokens_;
  const auto id = json_string(event.data, "id");
  const std::string where = id ? *id : entry_text(index);
  const auto found = statements_.token.one(read_token, id ? *id : "");
  const TokenRecord* const row = require_row(found, "token", where);
  if (row == nullptr) return;
  const Json repositories = row->repositories.empty() ? Json(nullptr) : Json(row->repositories);
  Differences differences;
  differences.unless(row->entry == index, "entry");
  differences.unless(says(event.data, "identity", row->identity), "identity");
  differences.unless(says(event.data, "scope", name_of(row->scope)), "scope");
  differences.unless(says(event.data, "repositories", repositories), "repositories");
  differences.unless(row->created == event.time, "created");
  differences.unless(says(event.data, "expires", row->expires.rfc3339()), "expires");
  if (differences.any()) find_("token", where, differences.told(index));
  if (row->revoked) revoked_.insert(row->id);
}

void RowComparison::compare_revoked_token(const ParsedEntry& event, EntryIndex index) {
  const auto id = json_string(event.data, "id");
  const std::string where = id ? *id : entry_text(index);
  const auto found = statements_.token.one(read_token, id ? *id : "");
  const TokenRecord* const row = require_row(found, "token", where);
  if (row == nullptr) return;
  Differences differences;
  differences.unless(row->revoked == event.time, "revoked");
  if (differences.any()) find_("token", where, differences.told(index));
  revoked_.erase(row->id);
}

void RowComparison::expect_suspended(const ParsedEntry& event, EntryIndex index) {
  const auto identity = json_string(event.data, "identity");
  const auto until_text = json_string(event.data, "until");
  const auto until = Timestamp::parse(until_text ? *until_text : "");
  if (!identity || !until) {
    return find_("suspension", entry_text(index), "the entry does not say whose, or until when");
  }
  suspensions_.insert_or_assign(*identity, SuspensionRecord{*identity, event.time, *until, index});
}

void RowComparison::compare_suspensions() {
  const auto rows =
      statements_.suspensions.all(read_suspension, std::numeric_limits<std::int64_t>::min());
  if (!rows) return find_("suspension", "all", rows.error().message);
  for (const SuspensionRecord& row : *rows) {
    const auto node = suspensions_.extract(row.identity);
    if (node.empty()) {
      find_("suspension", row.identity, "no entry says so");
      continue;
    }
    const SuspensionRecord& stated = node.mapped();
    Differences differences;
    differences.unless(row.since == stated.since, "since");
    differences.unless(row.until == stated.until, "until");
    differences.unless(row.entry == stated.entry, "entry");
    if (differences.any()) find_("suspension", row.identity, differences.told(stated.entry));
  }
  for (const auto& [identity, stated] : suspensions_) {
    find_("suspension", identity, "its row is missing");
  }
}

}  // namespace statehouse
