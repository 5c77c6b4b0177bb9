#include "api/service/promotion_service.h"

#include <algorithm>

#include "api/service/object_transfer.h"
#include "api/service/promotion_events.h"
#include "api/service/seal.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/dsse.h"
#include "crypto/sshsig.h"
#include "store/git/commit_graph.h"
#include "store/git/tree_walk.h"

namespace statehouse {

namespace {

/// How far a signer's clock may be off, and how long after signing a statement may be handed in.
constexpr std::chrono::minutes kIssuedAheadMax{5};
constexpr std::chrono::hours kIssuedAgeMax{24};

/// How often a merge is decided again because what it rested on changed under it.
constexpr int kMergeAttemptsMax = 5;

std::unexpected<Error> no_such_promotion(PromotionNumber number) {
  return not_found("looking at promotion " + std::to_string(number) + ": no such promotion");
}

/// The words for one that does not exist are those for one that the caller may not see.
Result<PromotionRecord> find_promotion(const Core& core, PromotionNumber number) {
  Result<PromotionRecord> record = core.ledger.read().promotion(number);
  if (!record && record.error().code == ErrorCode::kNotFound) return no_such_promotion(number);
  return record;
}

PromotionOutcome done(PromotionNumber number) { return {number, std::nullopt}; }

Result<> require_text(std::string_view what, std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return invalid_argument("reading the " + std::string(what) + ": longer than " +
                            std::to_string(bytes_max) + " bytes");
  }
  if (!is_valid_utf8(text)) {
    return invalid_argument("reading the " + std::string(what) + ": not UTF-8");
  }
  return {};
}

const Flow* find_flow(const Configuration& configuration, const ResourceName& name) {
  return configuration.flow(name);
}

/// No other promotion of the same commit is open. Asked in the transaction that pins it: two who
/// pin at once see each other.
Result<> require_only_one(Transaction& transaction, const PromotionRecord& record) {
  const PromotionQuery same{.state = PromotionState::kOpen,
                            .source = record.source,
                            .flow = record.flow,
                            .source_commit = record.source_commit,
                            .count_max = 2};
  const auto open = TRY(transaction.promotions(same));
  for (const PromotionRecord& other : open) {
    if (other.number == record.number) continue;
    return conflict("pinning commit " + record.source_commit.hex() + ": promotion " +
                    std::to_string(other.number) + " of it is open already");
  }
  return {};
}

/// Not too many of the same person are open.
Result<> require_room(Transaction& transaction, const PromotionRecord& record) {
  const PromotionQuery own{.state = PromotionState::kOpen,
                           .opener = record.opener,
                           .count_max = limits::kOpenPromotionsPerPersonMax};
  const auto mine = TRY(transaction.promotions(own));
  if (mine.size() < limits::kOpenPromotionsPerPersonMax) return {};
  return conflict("opening a promotion: " + record.opener + " has " +
                      std::to_string(limits::kOpenPromotionsPerPersonMax) + " open ones already",
                  "close some of them: statehouse promotion close N");
}

/// Why `identity` could not count for any commit of the promotion, or nothing.
/// An approval that can never count is refused when it is given, not found out at merge.
std::optional<Decision> refuse_useless_word(const PromotionSituation& situation,
                                            const ResourceName& identity, ApprovalVerdict verdict) {
  const Configuration& configuration = situation.active->configuration;
  const auto& clauses = situation.flow->approvals;
  const bool named = std::ranges::any_of(clauses, [&](const ApprovalClause& clause) {
    return configuration.names(clause.from, identity);
  });
  Decision decision;
  const std::string policy = "flow:" + situation.flow->name.str();
  if (!named) {
    decision.fail(policy, "approvals", identity.str() + " is not among the flow's approvers",
                  "ask one of its approvers");
    decision.settle();
    return decision;
  }
  // Whoever had a hand in it may still see why it must not be deployed; else naming people in a
  // commit would silence them.
  if (verdict == ApprovalVerdict::kReject) return std::nullopt;
  const std::set<ResourceName> persons = configuration.persons_behind(identity);
  const auto has_a_hand = [&](const CommitFacts& commit) {
    const std::set<ResourceName> hands = hands_in(configuration, commit);
    return hands.contains(identity) ||
           std::ranges::any_of(persons,
                               [&](const ResourceName& person) { return hands.contains(person); });
  };
  const auto& commits = situation.facts.commits;
  if (commits.empty() || !std::ranges::all_of(commits, has_a_hand)) return std::nullopt;
  decision.fail(policy, "self-approval",
                identity.str() + " wrote, committed, pushed or co-authored every commit of it",
                "somebody else among the approvers must approve");
  decision.settle();
  return decision;
}

/// Whose approvals the merge rests on: those that count for at least one commit of it.
std::vector<std::string> approvers(const PromotionSituation& situation) {
  std::set<std::string> names;
  for (const ClauseProgress& clause :
       approval_progress(situation.active->configuration, situation.facts)) {
    for (const ResourceName& name : clause.helping) names.insert(name.str());
  }
  return {names.begin(), names.end()};
}

}  // namespace

bool PromotionService::may_see(const AuthenticatedCaller& caller,
                               const PromotionRecord& record) const {
  if (access_.may_read(caller, record.source)) return true;
  // Before it is merged, its commits, paths and ids are the source's alone.
  return record.state == PromotionState::kMerged && access_.may_read(caller, record.target);
}

bool PromotionService::may_see_target(const AuthenticatedCaller& caller,
                                      const PromotionRecord& record) const {
  return access_.may_read(caller, record.target);
}

Result<PromotionSituation> PromotionService::situation(const AuthenticatedCaller& caller,
                                                       PromotionNumber number) const {
  const PromotionRecord record = TRY(find_promotion(core_, number));
  if (!may_see(caller, record)) return no_such_promotion(number);
  auto gathered = gatherer_.gather(record, std::nullopt);
  if (gathered || may_see_target(caller, record)) return gathered;
  // Why it failed may be about the target.
  return std::unexpected(
      Error{gathered.error().code,
            "looking at promotion " + std::to_string(number) + ": it cannot be looked at",
            "ask somebody who may read its target"});
}

Result<PromotionRecord> PromotionService::require_open(const AuthenticatedCaller& caller,
                                                       PromotionNumber number) const {
  TRY(caller.require_scope(TokenScope::kWrite));
  if (!caller.identity()) return denied("changing a promotion: the caller has no identity");
  PromotionRecord record = TRY(find_promotion(core_, number));
  if (!may_see(caller, record) || !caller.covers(record.target.repository)) {
    return no_such_promotion(number);
  }
  if (record.state == PromotionState::kOpen) return record;
  const bool is_merged = record.state == PromotionState::kMerged;
  return conflict("changing promotion " + std::to_string(number) + ": it is " +
                      std::string(name_of(record.state)),
                  is_merged
                      ? "nothing is left to do: statehouse promotion show " + std::to_string(number)
                      : "open a new promotion");
}

Result<> PromotionService::take_entry(const AuthenticatedCaller& caller) {
  return entries_.take(caller.identity_name(), core_.clock.now());
}

Result<PromotionOutcome> PromotionService::refuse(const AuthenticatedCaller& caller,
                                                  const PromotionRecord& record,
                                                  std::string_view action, Decision decision) {
  EntryDraft draft = promotion_refused_event(caller, record.number, action, decision);
  const std::string fingerprint = draft.subject + " " + dump_json(draft.data);
  const std::optional<EntryIndex> entry =
      TRY(refusals_.record_draft(caller, fingerprint, std::move(draft)));
  return PromotionOutcome{record.number, PromotionRefusal{std::move(decision), entry}};
}

/// To whoever reads no ref that it starts from, a flow is not there: it names refs.
bool PromotionService::may_know(const AuthenticatedCaller& caller, const Flow& flow) const {
  if (!caller.covers(flow.to.repository)) return false;
  if (flow.from_ref.is_literal()) {
    const auto ref = RefName::parse(flow.from_ref.str());
    return ref && access_.may_read(caller, {flow.from_repository, *ref});
  }
  const auto snapshot = core_.refs.current();
  return std::ranges::any_of(snapshot->of(flow.from_repository), [&](const RefState* state) {
    return flow.starts_from(state->key) && access_.may_read(caller, state->key);
  });
}

Result<RefKey> PromotionService::source_of(const Flow& flow, const OpenPromotion& request) const {
  if (request.source_ref) {
    RefKey key{flow.from_repository, *request.source_ref};
    if (flow.starts_from(key)) return key;
    return invalid_argument("opening a promotion: flow " + flow.name.str() +
                            " does not start from " + key.str());
  }
  if (flow.from_ref.is_literal()) {
    return RefKey{flow.from_repository, TRY(RefName::parse(flow.from_ref.str()))};
  }
  if (request.commit) {
    const auto snapshot = core_.refs.current();
    for (const RefState* state : snapshot->of(flow.from_repository)) {
      if (flow.starts_from(state->key) && state->content->commit == *request.commit) {
        return state->key;
      }
    }
  }
  return invalid_argument("opening a promotion: flow " + flow.name.str() + " starts from " +
                              flow.from_ref.str() + ", which is more than one ref",
                          "name the ref with `ref`, or the commit that is its tip");
}

Result<Oid> PromotionService::pin_commit(const AuthenticatedCaller& caller, const RefKey& source,
                                         const std::optional<Oid>& commit) const {
  const auto snapshot = core_.refs.current();
  const RefState* state = snapshot->find(source);
  if (state == nullptr || !access_.may_read(caller, source)) {
    return not_found("pinning a commit: there is no " + source.str());
  }
  if (!commit || *commit == state->content->commit) return state->content->commit;
  const std::vector<VersionRecord> versions =
      TRY(core_.ledger.read().versions_of_commit(source.repository, *commit));
  const bool was_version = std::ranges::any_of(
      versions, [&](const VersionRecord& version) { return version.key == source; });
  if (was_version) return *commit;
  const PooledRepository repository = TRY(core_.repositories.acquire(source.repository));
  const auto below = is_ancestor(*repository, *commit, state->content->commit);
  if (below && *below) return *commit;
  return not_found("pinning a commit: " + commit->hex() + " is not on " + source.str(),
                   "push it there first, or name one that is");
}

Result<PromotionRecord> PromotionService::draft(const AuthenticatedCaller& caller, const Flow& flow,
                                                const RefKey& source, const Oid& commit) const {
  const PooledRepository repository = TRY(core_.repositories.acquire(source.repository));
  const VersionContent content = TRY(version_content(core_, *repository, commit));
  PromotionRecord record{.source = source, .target = flow.to};
  record.flow = flow.name.str();
  record.source_commit = commit;
  record.source_commit_digest = content.commit_digest;
  record.tree = content.tree;
  record.tree_digest = content.tree_digest;
  record.opener = caller.identity_name();
  const std::optional<RefState> target = TRY(core_.ledger.read().ref(flow.to));
  if (target) {
    record.base_version = target->version;
    if (target->content) record.base_commit = target->content->commit;
  }
  return record;
}

Result<> PromotionService::require_something_new(const AuthenticatedCaller& caller,
                                                 const PromotionRecord& record) const {
  const std::optional<std::string> holder = TRY(gatherer_.held_by_target(record));
  if (!holder) return {};
  const std::string named = may_see_target(caller, record) ? *holder : "the target";
  return conflict("pinning commit " + record.source_commit.hex() +
                      ": there is nothing to promote: " + named + " holds it already",
                  "push what is to be promoted to " + record.source.str() + " first");
}

Result<PromotionOutcome> PromotionService::open(const AuthenticatedCaller& caller,
                                                const OpenPromotion& request) {
  TRY(caller.require_scope(TokenScope::kWrite));
  if (!caller.identity()) return denied("opening a promotion: the caller has no identity");
  TRY(require_text("title", request.title, limits::kReasonBytesMax));
  TRY(require_text("message", request.message, limits::kCommentBytesMax));
  const auto active = core_.configuration.current();
  const Flow* flow = find_flow(active->configuration, request.flow);
  if (flow == nullptr || !may_know(caller, *flow)) {
    return not_found("opening a promotion: there is no flow " + request.flow.str() +
                     ", or you read no ref that it starts from");
  }
  if (request.repository && flow->from_repository.str() != *request.repository) {
    return invalid_argument("opening a promotion: flow " + request.flow.str() +
                            " starts from repository " + flow->from_repository.str());
  }
  const RefKey source = TRY(source_of(*flow, request));
  const Oid commit = TRY(pin_commit(caller, source, request.commit));
  PromotionRecord record = TRY(draft(caller, *flow, source, commit));
  record.title = request.title;
  record.message = request.message;
  Decision decision =
      evaluate_open_permission(active->configuration, flow->name, source, *caller.identity());
  if (!decision.allow) return refuse(caller, record, "open", std::move(decision));
  TRY(require_something_new(caller, record));
  TRY(gatherer_.gather(record, std::nullopt));  // what cannot be looked at is not opened
  TRY(take_entry(caller));
  record.number = TRY(core_.ledger.commit([&](Transaction& transaction) -> Result<PromotionNumber> {
    TRY(require_only_one(transaction, record));
    TRY(require_room(transaction, record));
    PromotionRecord inserted = record;
    inserted.number = TRY(transaction.next_promotion());
    inserted.opened = inserted.updated = transaction.time();
    TRY(transaction.append(promotion_pinned_event(EventType::kPromotionOpened, caller, inserted)));
    return transaction.insert_promotion(inserted);
  }));
  return done(record.number);
}

Result<PromotionOutcome> PromotionService::update(const AuthenticatedCaller& caller,
                                                  PromotionNumber number, const Oid& commit) {
  const PromotionRecord before = TRY(require_open(caller, number));
  const auto active = core_.configuration.current();
  const ResourceName flow_name = TRY(ResourceName::parse(before.flow));
  const Flow* flow = find_flow(active->configuration, flow_name);
  if (flow == nullptr) return conflict("updating promotion: flow " + before.flow + " is gone");
  Decision decision =
      evaluate_open_permission(active->configuration, flow_name, before.source, *caller.identity());
  if (!decision.allow) return refuse(caller, before, "update", std::move(decision));
  const Oid pinned = TRY(pin_commit(caller, before.source, commit));
  if (pinned == before.source_commit) return done(number);
  PromotionRecord fresh = TRY(draft(caller, *flow, before.source, pinned));
  fresh.number = number;
  TRY(require_something_new(caller, fresh));
  TRY(gatherer_.gather(fresh, std::nullopt));
  TRY(take_entry(caller));
  TRY(core_.ledger.commit([&](Transaction& transaction) -> Result<> {
    TRY(transaction.require_promotion_at(number, before.revision));
    PromotionRecord record = before;
    record.source_commit = fresh.source_commit;
    record.source_commit_digest = fresh.source_commit_digest;
    record.tree = fresh.tree;
    record.tree_digest = fresh.tree_digest;
    record.base_commit = fresh.base_commit;
    record.base_version = fresh.base_version;
    record.revision = before.revision + 1;
    record.updated = transaction.time();
    TRY(require_only_one(transaction, record));
    TRY(transaction.append(promotion_pinned_event(EventType::kPromotionUpdated, caller, record)));
    return transaction.update_promotion(record);
  }));
  return done(number);
}

Result<PromotionOutcome> PromotionService::approve(const AuthenticatedCaller& caller,
                                                   PromotionNumber number,
                                                   std::string_view envelope_json) {
  const PromotionRecord record = TRY(require_open(caller, number));
  const PromotionSituation situation = TRY(gatherer_.gather(record, std::nullopt));
  if (situation.flow == nullptr) return conflict("approving: flow " + record.flow + " is gone");
  if (situation.facts.superseded_by) {
    return conflict("judging promotion " + std::to_string(number) + ": it is superseded by " +
                        *situation.facts.superseded_by,
                    "close it: statehouse promotion close " + std::to_string(number));
  }
  const DsseEnvelope envelope =
      TRY_WITH("reading the approval", DsseEnvelope::parse(envelope_json));
  if (envelope.payload_type != kInTotoPayloadType || envelope.signatures.size() != 1) {
    return invalid_argument(
        "reading the approval: it must be one in-toto statement with one signature");
  }
  const ApprovalStatement statement =
      TRY_WITH("reading the approval", ApprovalStatement::parse(envelope.payload));
  ApprovalStatement expected = situation.statement;
  expected.drops = statement.drops;
  if (!statement.is_about_same_as(expected)) {
    return conflict("approving promotion " + std::to_string(number) +
                        ": what was signed is not what the promotion is now",
                    "look at it again and sign what it says now");
  }
  const SignatureVerdict verdict =
      TRY(judge_signature(*situation.active, dsse_pae(envelope.payload_type, envelope.payload),
                          envelope.signatures[0].bytes, kSshNamespaceApproval, KeyUsage::kApprovals,
                          situation.facts.now));
  if (verdict.state != SignatureState::kGood || verdict.identity != caller.identity()) {
    // An attempt with somebody else's name or key is for the log, whatever the caller is told.
    Decision decision;
    decision.fail("store", "approval-signature",
                  (verdict.state != SignatureState::kGood
                       ? "the signature is " + std::string(signature_state_name(verdict.state))
                       : "signed by somebody else than the token's identity") +
                      (verdict.fingerprint.empty() ? "" : ", by key " + verdict.fingerprint),
                  "sign with a key of your own");
    decision.settle();
    TRY(refuse(caller, record, "approve", std::move(decision)));
  }
  if (verdict.state != SignatureState::kGood) {
    return unverified("approving promotion " + std::to_string(number) + ": " + verdict.reason,
                      "sign with a key that your identity has, and that may sign approvals");
  }
  if (verdict.identity != caller.identity()) {
    return unverified("approving promotion " + std::to_string(number) +
                      ": it is signed by somebody else than the token's identity");
  }
  if (auto refusal = refuse_useless_word(situation, *caller.identity(), statement.verdict)) {
    return refuse(caller, record, "approve", *std::move(refusal));
  }
  {
    // Of two words of one person that arrive at once, the older must not be recorded last.
    const std::lock_guard lock(words_);
    TRY(require_newest_word(caller, record, statement));
    TRY(record_approval(caller, record, statement, verdict.fingerprint, envelope_json));
  }
  if (situation.flow->merge_auto && statement.verdict == ApprovalVerdict::kApprove) {
    const ResourceName opener = TRY(ResourceName::parse(record.opener));
    const Result<PromotionOutcome> merged =
        merge_as(AuthenticatedCaller::server(), opener, record.number, true);
    // The approval stands whether or not this was the last thing that was missing.
    if (!merged && merged.error().code == ErrorCode::kInternal) return merged;
  }
  return done(record.number);
}

/// A statement that was signed before must not be handed in again, by whoever holds the signer's
/// token: it would lift a later rejection, or live on beyond its time.
Result<> PromotionService::require_newest_word(const AuthenticatedCaller& caller,
                                               const PromotionRecord& record,
                                               const ApprovalStatement& statement) const {
  const std::string doing = "approving promotion " + std::to_string(record.number) + ": ";
  const Timestamp now = core_.clock.now();
  if (statement.issued > now + kIssuedAheadMax || statement.issued + kIssuedAgeMax < now) {
    return invalid_argument(doing + "it was signed at " + statement.issued.rfc3339() +
                                ", the server's clock says " + now.rfc3339(),
                            "sign it now, with a clock that is right");
  }
  const std::string payload = statement.payload();
  std::size_t words = 0;
  const auto approvals = TRY(core_.ledger.read().approvals(record.number));
  for (const ApprovalRecord& word : approvals) {
    if (word.identity != caller.identity_name()) continue;
    // Of this revision: nobody's updates can use up another one's words.
    if (word.revision == record.revision && ++words == limits::kWordsPerApproverMax) {
      return conflict(doing + caller.identity_name() + " said something on it " +
                          std::to_string(words) + " times already",
                      "close the promotion and open another one");
    }
    const std::optional<GivenApproval> earlier = TRY(read_given(core_, word));
    if (!earlier) continue;
    if (statement.issued < earlier->statement.issued || payload == earlier->envelope.payload) {
      return conflict(doing + "a newer or the same statement of " + caller.identity_name() +
                          " is there already",
                      "sign again what you want to say now");
    }
  }
  return {};
}

Result<> PromotionService::record_approval(const AuthenticatedCaller& caller,
                                           const PromotionRecord& record,
                                           const ApprovalStatement& statement,
                                           std::string_view fingerprint,
                                           std::string_view envelope) {
  return core_.ledger.commit([&](Transaction& transaction) -> Result<> {
    TRY(transaction.require_promotion_at(record.number, record.revision));
    const AppendedEntry entry = TRY(transaction.append(
        promotion_judged_event(caller, record, statement, fingerprint, envelope)));
    ApprovalRecord approval{.promotion = record.number, .revision = record.revision};
    approval.identity = caller.identity_name();
    approval.fingerprint = fingerprint;
    approval.verdict = statement.verdict;
    approval.envelope_digest = entry.evidence_digests[0];
    approval.received = transaction.time();
    approval.expires = statement.expires;
    approval.drops = statement.drops;
    approval.entry = entry.index;
    TRY(transaction.insert_approval(approval));
    return {};
  });
}

/// What the target has is looked at only for those who may read it: a refusal would tell others.
Result<bool> PromotionService::holds_place(const AuthenticatedCaller& caller,
                                           const PromotionRecord& record,
                                           const TreePath& place) const {
  const PooledRepository source = TRY(core_.repositories.acquire(record.source.repository));
  const auto promoted = TRY(find_in_tree(*source, record.tree, place));
  if (promoted || !may_see_target(caller, record)) return promoted.has_value();
  const std::optional<RefState> state = TRY(core_.ledger.read().ref(record.target));
  if (!state || !state->content) return false;
  const PooledRepository target = TRY(core_.repositories.acquire(record.target.repository));
  const auto standing = TRY(find_in_tree(*target, state->content->tree, place));
  return standing.has_value();
}

/// A comment on a file is about something that the promotion holds, or that its target has.
Result<> PromotionService::require_place(const AuthenticatedCaller& caller,
                                         const PromotionRecord& record,
                                         const std::optional<std::string>& path,
                                         std::optional<std::uint64_t> line) const {
  if (!path) {
    if (!line) return {};
    return invalid_argument("commenting: line " + std::to_string(*line) + " of no file",
                            "name the file with --path");
  }
  const TreePath place = TRY(TreePath::parse(*path));
  const bool held = TRY(holds_place(caller, record, place));
  if (held) return {};
  return invalid_argument(
      "commenting: there is no `" + escape_for_message(*path) + "` in promotion " +
          std::to_string(record.number) +
          (may_see_target(caller, record) ? ", nor in its target" : ""),
      "statehouse promotion diff " + std::to_string(record.number) + " shows the paths");
}

Result<PromotionOutcome> PromotionService::comment(const AuthenticatedCaller& caller,
                                                   PromotionNumber number,
                                                   const std::string& message,
                                                   const std::optional<std::string>& path,
                                                   std::optional<std::uint64_t> line) {
  const PromotionRecord record = TRY(require_open(caller, number));
  TRY(require_text("comment", message, limits::kCommentBytesMax));
  if (message.empty()) return invalid_argument("commenting: the message is empty");
  TRY(require_place(caller, record, path, line));
  TRY(take_entry(caller));
  TRY(core_.ledger.commit([&](Transaction& transaction) -> Result<> {
    const std::uint64_t earlier = TRY(transaction.comment_count(number));
    if (earlier >= limits::kCommentsPerPromotionMax) {
      return conflict("commenting: promotion " + std::to_string(number) + " has " +
                          std::to_string(earlier) + " comments already",
                      "go on elsewhere, and link to it");
    }
    CommentRecord comment{.promotion = record.number, .identity = caller.identity_name()};
    comment.text = message;
    comment.path = path;
    comment.line = line;
    comment.time = transaction.time();
    const AppendedEntry entry = TRY(transaction.append(promotion_commented_event(caller, comment)));
    comment.entry = entry.index;
    TRY(transaction.insert_comment(comment));
    return {};
  }));
  return done(number);
}

Result<PromotionOutcome> PromotionService::close(const AuthenticatedCaller& caller,
                                                 PromotionNumber number) {
  const PromotionRecord before = TRY(require_open(caller, number));
  const auto active = core_.configuration.current();
  if (before.opener != caller.identity_name() &&
      !is_administrator(active->configuration, *caller.identity())) {
    const ResourceName flow = TRY(ResourceName::parse(before.flow));
    Decision decision =
        evaluate_merge_permission(active->configuration, flow, before.source, *caller.identity());
    if (!decision.allow) return refuse(caller, before, "close", std::move(decision));
  }
  TRY(take_entry(caller));
  TRY(core_.ledger.commit([&](Transaction& transaction) -> Result<> {
    TRY(transaction.require_promotion_at(number, before.revision));
    PromotionRecord record = before;
    record.state = PromotionState::kClosed;
    record.updated = transaction.time();
    record.ended = transaction.time();
    record.ended_by = caller.identity_name();
    TRY(transaction.append(promotion_closed_event(caller, number)));
    return transaction.update_promotion(record);
  }));
  return done(number);
}

Result<PromotionOutcome> PromotionService::merge(const AuthenticatedCaller& caller,
                                                 PromotionNumber number) {
  TRY(require_open(caller, number));
  return merge_as(caller, *caller.identity(), number, false);
}

Result<PromotionOutcome> PromotionService::merge_as(const AuthenticatedCaller& caller,
                                                    const ResourceName& mover,
                                                    PromotionNumber number, bool automatic) {
  const PromotionRecord seen = TRY(core_.ledger.read().promotion(number));
  const RepositoryQueue::Turn turn =
      core_.queue.take({seen.target.repository, seen.source.repository});
  for (int i = 0; i + 1 < kMergeAttemptsMax; ++i) {
    Result<PromotionOutcome> outcome = decide_and_merge(caller, mover, number, automatic, turn);
    if (!outcome && outcome.error().code == ErrorCode::kCorrupt) {
      core_.alarms.raise("promotion", std::to_string(number), outcome.error().message);
    }
    if (outcome || outcome.error().code != ErrorCode::kConflict) return outcome;
  }
  return decide_and_merge(caller, mover, number, automatic, turn);
}

Result<PromotionOutcome> PromotionService::decide_and_merge(const AuthenticatedCaller& caller,
                                                            const ResourceName& mover,
                                                            PromotionNumber number, bool automatic,
                                                            const RepositoryQueue::Turn& turn) {
  const PromotionRecord record = TRY(core_.ledger.read().promotion(number));
  if (record.state != PromotionState::kOpen) {
    return conflict("merging promotion " + std::to_string(number) + ": it is " +
                    std::string(name_of(record.state)));
  }
  PromotionSituation situation =
      TRY(gatherer_.gather(record, automatic ? std::nullopt : std::optional<ResourceName>(mover)));
  situation.facts.merge_is_automatic = automatic;
  TRY(gatherer_.verify_pin(record));
  TRY(gatherer_.verify_approvals(situation));
  Decision decision = evaluate_promotion(situation.active->configuration, situation.facts);
  if (!decision.allow || situation.flow == nullptr) {
    if (automatic) return done(number);
    return refuse(caller, record, "merge", std::move(decision));
  }
  MoveOutcome outcome = TRY(move_target(caller, mover, situation, std::move(decision), turn));
  if (outcome.accepted) return done(number);
  return PromotionOutcome{number, PromotionRefusal{std::move(outcome.decisions[0]), outcome.entry}};
}

Result<MoveOutcome> PromotionService::move_target(const AuthenticatedCaller& caller,
                                                  const ResourceName& mover,
                                                  const PromotionSituation& situation,
                                                  Decision decision,
                                                  const RepositoryQueue::Turn& turn) {
  const PromotionRecord& record = situation.record;
  const PooledRepository repository = TRY(core_.repositories.acquire(record.target.repository));
  std::optional<Quarantine> brought;
  if (record.source.repository != record.target.repository) {
    brought = TRY(transfer_commit(core_, record.source.repository, record.target.repository,
                                  record.source_commit));
  }
  Oid next = record.source_commit;
  std::vector<CommitVerdictRecord> verdicts;
  if (situation.flow->strategy == Strategy::kSeal) {
    SealDraft draft{.source_commit = record.source_commit,
                    .tree = record.tree,
                    .source = record.source,
                    .target = record.target};
    draft.target_tip = situation.facts.base;
    draft.promotion = record.number;
    draft.version = situation.facts.base_version + 1;
    draft.title = record.title;
    draft.format = situation.flow->seal_format;
    draft.time = situation.facts.now;
    SealCommit seal = TRY(write_seal(core_, draft));
    next = seal.oid;
    verdicts.push_back(std::move(seal.verdict));
  }
  MoveRequest request{.caller = caller,
                      .mover = mover,
                      .repository = record.target.repository,
                      .moves = {{record.target, situation.facts.base, next}},
                      .view = brought ? brought->view() : *repository,
                      .quarantine = brought ? &*brought : nullptr};
  request.promotion = PromotionMove{.flow = situation.facts.flow,
                                    .number = record.number,
                                    .approved_by = approvers(situation),
                                    .decision = std::move(decision),
                                    .configuration = situation.active->version};
  request.own_verdicts = std::move(verdicts);
  request.also = [&](Transaction& transaction,
                     const std::vector<RecordedVersion>& recorded) -> Result<> {
    const VersionRecord& version = recorded.front().version;
    TRY(transaction.require_promotion_at(record.number, record.revision));
    // A rejection that came in after the decision must not come too late.
    const std::vector<ApprovalRecord> approvals = TRY(transaction.approvals(record.number));
    if (approvals.size() != situation.approvals.size()) {
      return conflict("merging promotion " + std::to_string(record.number) +
                          ": it was approved or rejected meanwhile",
                      "try again");
    }
    PromotionRecord merged = record;
    merged.state = PromotionState::kMerged;
    merged.base_commit = situation.facts.base;
    merged.base_version = situation.facts.base_version;
    merged.merged_version = version.version;
    merged.updated = transaction.time();
    merged.ended = transaction.time();
    merged.ended_by = mover.str();
    TRY(transaction.update_promotion(merged));
    if (record.target == system_deploy_ref()) {
      TRY(transaction.append(configuration_activated_event(caller, version)));
    }
    return {};
  };
  return write_path_.move(turn, request);
}

}  // namespace statehouse
