#pragma once

#include "tests/store/ledger/fixture.h"

namespace statehouse {

// What the store writes together: an entry and the row that follows from it.

inline Actor person(const std::string& name) { return {name, ActorVia::kToken, std::nullopt}; }

inline std::string promotion_subject_of(PromotionNumber number) {
  return "promotion/" + std::to_string(number);
}

inline EntryDraft pinned_entry(EventType type, const PromotionRecord& record) {
  const Json base = record.base_commit ? Json(record.base_commit->hex()) : Json(nullptr);
  const Json text = {{"title", record.title}, {"message", record.message}};
  return {type,
          promotion_subject_of(record.number),
          person(record.opener),
          {{"promotion", record.number},
           {"kind", name_of(record.kind)},
           {"flow", record.flow},
           {"revision", record.revision},
           {"source",
            {{"repository", record.source.repository.str()},
             {"ref", record.source.ref.str()},
             {"commit", record.source_commit.hex()},
             {"commitSha256", record.source_commit_digest}}},
           {"target",
            {{"repository", record.target.repository.str()},
             {"ref", record.target.ref.str()},
             {"base", base},
             {"baseVersion", record.base_version}}},
           {"tree", {{"sha1", record.tree.hex()}, {"sha256", record.tree_digest}}}},
          {{"text", "application/json", dump_json(text)}}};
}

inline Result<PromotionRecord> open_honestly(Transaction& t, std::string_view seed) {
  PromotionRecord record = promotion_of(seed);
  record.number = TRY(t.next_promotion());
  record.opened = record.updated = t.time();
  TRY(t.append(pinned_entry(EventType::kPromotionOpened, record)));
  TRY(t.insert_promotion(record));
  return record;
}

inline Result<> judge_honestly(Transaction& t, ApprovalRecord approval) {
  const bool approves = approval.verdict == ApprovalVerdict::kApprove;
  const Json expires = approval.expires ? Json(approval.expires->rfc3339()) : Json(nullptr);
  const AppendedEntry entry =
      TRY(t.append({approves ? EventType::kPromotionApproved : EventType::kPromotionRejected,
                    promotion_subject_of(approval.promotion),
                    person(approval.identity),
                    {{"promotion", approval.promotion},
                     {"revision", approval.revision},
                     {"identity", approval.identity},
                     {"fingerprint", approval.fingerprint},
                     {"drops", approval.drops},
                     {"expires", expires}},
                    {{"approval", "application/json", "{}"}}}));
  approval.envelope_digest = entry.evidence_digests[0];
  approval.received = entry.time;
  approval.entry = entry.index;
  TRY(t.insert_approval(approval));
  return {};
}

inline Result<> mint_honestly(Transaction& t, const std::string& id) {
  TokenRecord token{.id = id, .hash = sha256(id), .identity = "bob", .repositories = "**"};
  token.created = t.time();
  token.expires = t.time() + std::chrono::hours(1);
  const Json data = {{"id", id},
                     {"identity", "bob"},
                     {"scope", "read"},
                     {"repositories", "**"},
                     {"expires", token.expires.rfc3339()}};
  const AppendedEntry entry =
      TRY(t.append({EventType::kTokenCreated, "token/" + id, person("bob"), data, {}}));
  token.entry = entry.index;
  return t.insert_token(token);
}

inline Result<> revoke_honestly(Transaction& t, const std::string& id) {
  const Json data = {{"id", id}, {"identity", "bob"}};
  TRY(t.append({EventType::kTokenRevoked, "token/" + id, person("bob"), data, {}}));
  return t.revoke_token(id);
}

}  // namespace statehouse
