#include "api/service/promotion_events.h"

#include "crypto/base/json.h"
#include "crypto/dsse.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

EntryDraft draft_for(EventType type, const AuthenticatedCaller& caller, PromotionNumber number) {
  EntryDraft draft{type, promotion_subject(number), caller.actor(), Json::object(), {}};
  draft.data["promotion"] = number;
  return draft;
}

Json base_json(const PromotionRecord& record) {
  return record.base_commit ? Json(record.base_commit->hex()) : Json(nullptr);
}

}  // namespace

std::string promotion_subject(PromotionNumber number) {
  return "promotion/" + std::to_string(number);
}

EntryDraft promotion_pinned_event(EventType type, const AuthenticatedCaller& caller,
                                  const PromotionRecord& record) {
  EntryDraft draft = draft_for(type, caller, record.number);
  draft.data["kind"] = name_of(record.kind);
  draft.data["flow"] = record.flow;
  draft.data["revision"] = record.revision;
  draft.data["source"] = {{"repository", record.source.repository.str()},
                          {"ref", record.source.ref.str()},
                          {"commit", record.source_commit.hex()},
                          {"commitSha256", record.source_commit_digest}};
  draft.data["target"] = {{"repository", record.target.repository.str()},
                          {"ref", record.target.ref.str()},
                          {"base", base_json(record)},
                          {"baseVersion", record.base_version}};
  draft.data["tree"] = {{"sha1", record.tree.hex()}, {"sha256", record.tree_digest}};
  draft.evidence.push_back({"text", "application/json",
                            dump_json({{"title", record.title}, {"message", record.message}})});
  return draft;
}

EntryDraft promotion_commented_event(const AuthenticatedCaller& caller,
                                     const CommentRecord& comment) {
  EntryDraft draft = draft_for(EventType::kPromotionCommented, caller, comment.promotion);
  const Json text = {{"message", comment.text},
                     {"path", comment.path ? Json(*comment.path) : Json(nullptr)},
                     {"line", comment.line ? Json(*comment.line) : Json(nullptr)}};
  draft.evidence.push_back({"comment", "application/json", dump_json(text)});
  return draft;
}

EntryDraft promotion_judged_event(const AuthenticatedCaller& caller, const PromotionRecord& record,
                                  const ApprovalStatement& statement, std::string_view fingerprint,
                                  std::string_view envelope) {
  const EventType type = statement.verdict == ApprovalVerdict::kApprove
                             ? EventType::kPromotionApproved
                             : EventType::kPromotionRejected;
  EntryDraft draft = draft_for(type, caller, record.number);
  draft.data["revision"] = record.revision;
  draft.data["identity"] = caller.identity_name();
  draft.data["fingerprint"] = fingerprint;
  draft.data["commit"] = statement.source_commit;
  draft.data["tree"] = {{"sha1", statement.tree}, {"sha256", "sha256:" + statement.tree_sha256}};
  draft.data["drops"] = statement.drops;
  draft.data["expires"] = statement.expires ? Json(statement.expires->rfc3339()) : Json(nullptr);
  draft.data["statement"] = sha256_digest_text(statement.payload());
  draft.evidence.push_back({"approval", "application/json", std::string(envelope)});
  return draft;
}

EntryDraft promotion_refused_event(const AuthenticatedCaller& caller, PromotionNumber number,
                                   std::string_view action, const Decision& decision) {
  EntryDraft draft = draft_for(EventType::kPromotionRefused, caller, number);
  Json rules = Json::array();
  for (const RuleResult& rule : decision.rules) {
    if (rule.denies()) rules.push_back({{"policy", rule.policy}, {"rule", rule.rule}});
  }
  draft.data["action"] = action;
  draft.data["denied"] = std::move(rules);
  draft.evidence.push_back({"decision", "application/json", dump_json(to_json(decision))});
  return draft;
}

EntryDraft promotion_closed_event(const AuthenticatedCaller& caller, PromotionNumber number) {
  return draft_for(EventType::kPromotionClosed, caller, number);
}

EntryDraft configuration_activated_event(const AuthenticatedCaller& caller,
                                         const VersionRecord& version) {
  EntryDraft draft{
      EventType::kConfigurationActivated, "system", caller.actor(), Json::object(), {}};
  draft.data = {{"version", version.version},
                {"commit", version.content->commit.hex()},
                {"tree", version.content->tree.hex()},
                {"treeSha256", version.content->tree_digest},
                {"entry", version.entry}};
  return draft;
}

}  // namespace statehouse
