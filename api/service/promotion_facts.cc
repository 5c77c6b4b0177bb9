#include "api/service/promotion_facts.h"

#include <limits>
#include <unordered_set>
#include <utility>

#include "api/service/logged_facts.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/sshsig.h"
#include "store/git/commit_graph.h"
#include "store/ledger/event.h"

namespace statehouse {

namespace {

constexpr std::size_t kVersionsPerPage = 100;

std::string bare_digest(std::string_view digest_text) {
  return std::string(digest_text.substr(std::string_view("sha256:").size()));
}

ApprovalStatement statement_for(const Core& core, const PromotionSituation& situation) {
  const PromotionRecord& record = situation.record;
  ApprovalStatement statement;
  statement.origin = core.ledger.origin();
  statement.epoch = core.ledger.epoch();
  statement.promotion = record.number;
  statement.source_repository = record.source.repository.str();
  statement.source_ref = record.source.ref.str();
  statement.source_commit = record.source_commit.hex();
  statement.source_commit_sha256 = bare_digest(record.source_commit_digest);
  statement.target_repository = record.target.repository.str();
  statement.target_ref = record.target.ref.str();
  if (situation.facts.base) statement.target_base = situation.facts.base->hex();
  statement.tree = record.tree.hex();
  statement.tree_sha256 = bare_digest(record.tree_digest);
  statement.flow = record.flow;
  statement.issued = situation.facts.now;
  statement.policy_digest =
      policy_digest(situation.active->configuration, record.target, situation.facts.flow);
  return statement;
}

/// In words, the first thing that changed since `signed_statement` was signed.
std::string describe_difference(const ApprovalStatement& signed_statement,
                                const ApprovalStatement& now) {
  if (signed_statement.source_commit != now.source_commit || signed_statement.tree != now.tree) {
    return "it is for another commit of the source";
  }
  if (signed_statement.target_base != now.target_base) return "the target has moved since";
  if (signed_statement.policy_digest != now.policy_digest) {
    return "the flow or the policies have changed since";
  }
  return "it is for another promotion";
}

}  // namespace

Result<std::optional<GivenApproval>> read_given(const Core& core, const ApprovalRecord& record) {
  const EvidenceRecord evidence = TRY(core.ledger.read().evidence(record.envelope_digest));
  if (!evidence.content) return std::optional<GivenApproval>();
  GivenApproval given;
  given.envelope = TRY(DsseEnvelope::parse(evidence.content->bytes));
  given.statement = TRY(ApprovalStatement::parse(given.envelope.payload));
  return std::optional(std::move(given));
}

namespace {

/// Whether the row says what was logged when the statement was handed in, and what is signed.
Result<bool> is_as_logged(const LedgerReader& ledger, const ApprovalRecord& record,
                          const std::optional<GivenApproval>& given) {
  const ParsedEntry entry = TRY(read_proved_entry(ledger, record.entry));
  const bool approves = record.verdict == ApprovalVerdict::kApprove;
  if (entry.type != (approves ? EventType::kPromotionApproved : EventType::kPromotionRejected)) {
    return false;
  }
  const std::int64_t promotion = TRY(json_integer(entry.data, "promotion"));
  const std::int64_t revision = TRY(json_integer(entry.data, "revision"));
  const std::string identity = TRY(json_string(entry.data, "identity"));
  const std::string fingerprint = TRY(json_string(entry.data, "fingerprint"));
  const bool is_same = std::cmp_equal(promotion, record.promotion) &&
                       std::cmp_equal(revision, record.revision) && identity == record.identity &&
                       fingerprint == record.fingerprint && entry.time == record.received &&
                       entry.evidence_digests == std::vector{record.envelope_digest};
  if (!is_same || !given) return is_same;
  const ApprovalStatement& statement = given->statement;
  return statement.verdict == record.verdict && statement.expires == record.expires &&
         statement.drops == record.drops;
}

/// A row that somebody changed in the database's file must not decide a merge.
Result<> require_as_logged(const LedgerReader& ledger, const ApprovalRecord& record,
                           const std::optional<GivenApproval>& given) {
  const Result<bool> is_same = is_as_logged(ledger, record, given);
  if (is_same && *is_same) return {};
  return corrupt("checking the approvals of promotion " + std::to_string(record.promotion) +
                     ": what the database has of " + escape_for_message(record.identity) +
                     " is not what entry " + std::to_string(record.entry) + " of the log says" +
                     (is_same ? "" : ": " + is_same.error().message),
                 "run statehouse fsck");
}

/// Whether the recorded key of the recorded identity signed it. Whether that key still counts is
/// the policy's question.
Result<bool> is_well_signed(const PromotionSituation& situation, const ApprovalFacts& facts,
                            const std::optional<GivenApproval>& given) {
  if (!given || given->envelope.signatures.size() != 1) return false;
  const DsseEnvelope& envelope = given->envelope;
  const SignatureVerdict verdict =
      TRY(judge_signature(*situation.active, dsse_pae(envelope.payload_type, envelope.payload),
                          envelope.signatures[0].bytes, kSshNamespaceApproval, KeyUsage::kApprovals,
                          situation.facts.now));
  return (verdict.state == SignatureState::kGood ||
          verdict.state == SignatureState::kKeyNotValid) &&
         verdict.fingerprint == facts.fingerprint && verdict.identity == facts.identity;
}

/// What a promotion's row says it brought is in the commit that it made: a changed row would have
/// commits taken for reviewed that nobody saw.
Result<> require_brought_by(const Core& core, const RefKey& target, const LastPromotion& last) {
  const Oid& made = last.version.content->commit;
  const Oid& source = last.promotion.source_commit;
  if (made == source) return {};
  const PooledRepository repository = TRY(core.repositories.acquire(target.repository));
  const GitCommit seal = TRY(repository->read_commit(made));
  if (!seal.parents.empty() && seal.parents.back() == source) return {};
  return corrupt("reading promotion " + std::to_string(last.promotion.number) +
                     ": its source commit in the database is not the one that " + made.hex() +
                     " was made from",
                 "run statehouse fsck");
}

std::string first_line(std::string_view message) {
  return std::string(message.substr(0, std::min<std::size_t>(message.find('\n'), 200)));
}

/// The commits that the configuration declares baselines of `repository`, as far as they are here.
Result<std::vector<Oid>> present_baselines(const GitRepository& source,
                                           const Configuration& configuration,
                                           const RepositoryName& repository) {
  std::vector<Oid> present;
  const Repository* declared = configuration.repository(repository);
  if (declared == nullptr) return present;
  for (const Baseline& baseline : declared->baselines) {
    if (source.has_object(baseline.commit)) present.push_back(baseline.commit);
  }
  return present;
}

/// The parents of those baselines that `tip` rests on.
Result<std::vector<Oid>> below_baselines(const GitRepository& source,
                                         const std::vector<Oid>& baselines, const Oid& tip) {
  std::vector<Oid> below;
  for (const Oid& baseline : baselines) {
    const bool rests_on_it = TRY(is_ancestor(source, baseline, tip));
    if (!rests_on_it) continue;
    const GitCommit commit = TRY(source.read_commit(baseline));
    below.insert(below.end(), commit.parents.begin(), commit.parents.end());
  }
  return below;
}

/// What is reachable from the source commit and not from `excluded`, if a reviewer can look at it.
Result<std::vector<Oid>> few_commits(const GitRepository& source, const PromotionFacts& facts,
                                     const std::vector<Oid>& excluded, std::uint64_t commits_max) {
  const std::vector<Oid> tips{facts.source_commit};
  auto commits = commits_reachable(source, tips, excluded, commits_max);
  if (commits || commits.error().code != ErrorCode::kInvalidArgument) return commits;
  return conflict("looking at what commit " + facts.source_commit.hex() + " brings to " +
                      facts.target.str() + ": more than " + std::to_string(commits_max) +
                      " commits",
                  "promote an earlier commit first (--commit), or declare reviewed history a "
                  "baseline in system");
}

/// Versions of the target since its last promotion, newest first.
Result<std::vector<VersionRecord>> versions_since(const Core& core, const RefKey& target,
                                                  VersionNumber last_promoted) {
  std::vector<VersionRecord> versions;
  std::optional<VersionNumber> before;
  while (true) {
    const auto page = TRY(core.ledger.read().versions(target, before, kVersionsPerPage));
    for (const VersionRecord& version : page.records) {
      if (version.version <= last_promoted) return versions;
      versions.push_back(version);
    }
    if (!page.next) return versions;
    before = page.next;
  }
}

/// What the log keeps of the decision by which `record` was merged.
Result<std::optional<std::string>> decision_of_merge(const LedgerReader& ledger,
                                                     const PromotionRecord& record) {
  std::optional<std::string> decision;
  if (!record.merged_version) return decision;
  const auto version = TRY(ledger.version(record.target, *record.merged_version));
  if (!version) return decision;
  std::vector<EvidenceRecord> evidence = TRY(ledger.evidence_of(version->entry));
  for (EvidenceRecord& item : evidence) {
    if (item.name == "decision" && item.content) decision = std::move(item.content->bytes);
  }
  return decision;
}

}  // namespace

Result<std::optional<LastPromotion>> last_promotion_of(const Core& core, const RefKey& target) {
  std::optional<VersionNumber> before;
  while (true) {
    const auto page = TRY(core.ledger.read().versions(target, before, kVersionsPerPage));
    for (const VersionRecord& version : page.records) {
      if (version.kind != VersionKind::kPromotion || !version.promotion) continue;
      const PromotionRecord promotion = TRY(core.ledger.read().promotion(*version.promotion));
      LastPromotion last{version, promotion};
      // Where nothing can be proved nothing can be merged either, and what there is can be looked
      // at.
      if (!core.ledger.health().stopped) {
        TRY(await_entry(core.ledger, version.entry));
        TRY(require_as_logged(core.ledger.read(), version));
      }
      TRY(require_brought_by(core, target, last));
      return std::optional(std::move(last));
    }
    if (!page.next) return std::optional<LastPromotion>();
    before = page.next;
  }
}

Result<std::optional<std::string>> PromotionGatherer::held_by_target(
    const PromotionRecord& record) const {
  using Held = std::optional<std::string>;
  const PooledRepository source = TRY(core_.repositories.acquire(record.source.repository));
  const std::optional<LastPromotion> last = TRY(last_promotion_of(core_, record.target));
  if (last && source->has_object(last->promotion.source_commit)) {
    const bool held =
        TRY(is_ancestor(*source, record.source_commit, last->promotion.source_commit));
    if (held) return Held("promotion " + std::to_string(last->promotion.number));
  }
  if (!record.base_commit) return Held();
  const PooledRepository target = TRY(core_.repositories.acquire(record.target.repository));
  if (!target->has_object(record.source_commit)) return Held();
  const bool held = TRY(is_ancestor(*target, record.source_commit, *record.base_commit));
  if (!held) return Held();
  return Held("version " + std::to_string(record.base_version) + " of " + record.target.str());
}

Result<PromotionSituation> PromotionGatherer::gather(
    const PromotionRecord& record, const std::optional<ResourceName>& merger) const {
  const ResourceName flow = TRY(ResourceName::parse(record.flow));
  const ResourceName opener = TRY(ResourceName::parse(record.opener));
  PromotionSituation situation{.record = record,
                               .active = core_.configuration.current(),
                               .facts = PromotionFacts{.number = record.number,
                                                       .flow = flow,
                                                       .source = record.source,
                                                       .source_commit = record.source_commit,
                                                       .target = record.target,
                                                       .opener = opener,
                                                       .merger = merger,
                                                       .now = core_.clock.now()}};
  situation.flow = situation.active->configuration.flow(flow);
  situation.target = TRY(core_.ledger.read().ref(record.target));
  if (record.state != PromotionState::kOpen) {
    // What is over is shown as it was decided, not against what came after.
    situation.facts.base = record.base_commit;
    situation.facts.base_version = record.base_version;
  } else if (situation.target) {
    situation.facts.base_version = situation.target->version;
    if (situation.target->content) situation.facts.base = situation.target->content->commit;
  }
  const PooledRepository source = TRY(core_.repositories.acquire(record.source.repository));
  TRY(gather_target(*source, situation));
  TRY(gather_commits(*source, situation));
  situation.statement = statement_for(core_, situation);
  situation.merged_by = TRY(decision_of_merge(core_.ledger.read(), record));
  TRY(gather_approvals(situation));
  return situation;
}

Result<> PromotionGatherer::gather_target(const GitRepository& source,
                                          PromotionSituation& situation) const {
  PromotionFacts& facts = situation.facts;
  const bool same_repository =
      situation.record.source.repository == situation.record.target.repository;
  if (facts.base && same_repository) {
    facts.fast_forward = TRY(is_ancestor(source, *facts.base, facts.source_commit));
  }
  if (situation.record.state != PromotionState::kOpen) return {};
  const std::optional<LastPromotion> last = TRY(last_promotion_of(core_, situation.record.target));
  if (last && source.has_object(last->promotion.source_commit)) {
    const bool contained =
        TRY(is_ancestor(source, facts.source_commit, last->promotion.source_commit));
    if (contained) {
      facts.superseded_by = "promotion " + std::to_string(last->promotion.number);
    }
  }
  TRY(gather_history_of_target(source, last, situation));
  const bool as_promoted = last && situation.target && situation.target->content &&
                           situation.target->content->tree == last->version.content->tree;
  if (as_promoted) return {};
  const std::vector<VersionRecord> own =
      TRY(versions_since(core_, situation.record.target, last ? last->version.version : 0));
  for (const VersionRecord& version : own) {
    if (!version.content) continue;
    bool contained = false;
    if (source.has_object(version.content->commit)) {
      contained = TRY(is_ancestor(source, version.content->commit, facts.source_commit));
    }
    if (!contained) facts.target_own_changes.push_back(version.version);
  }
  return {};
}

/// A promotion never goes back by accident, not even where the source is any of many refs: what the
/// target's history holds is superseded, and what its last promotion brought must be in the source.
Result<> PromotionGatherer::gather_history_of_target(const GitRepository& source,
                                                     const std::optional<LastPromotion>& last,
                                                     PromotionSituation& situation) const {
  PromotionFacts& facts = situation.facts;
  const bool same_tree = situation.target && situation.target->content &&
                         situation.target->content->tree == situation.record.tree;
  if (!facts.base || same_tree || facts.superseded_by) return {};
  const PooledRepository target = TRY(core_.repositories.acquire(facts.target.repository));
  if (target->has_object(facts.source_commit)) {
    const bool held = TRY(is_ancestor(*target, facts.source_commit, *facts.base));
    if (held)
      facts.superseded_by = "version " + std::to_string(facts.base_version) +
                            " of the target, whose history holds it";
    if (held) return {};
  }
  if (!last) return {};
  bool contained = false;
  if (source.has_object(last->promotion.source_commit)) {
    contained = TRY(is_ancestor(source, last->promotion.source_commit, facts.source_commit));
  }
  if (!contained) facts.target_own_changes.push_back(last->version.version);
  return {};
}

Result<> PromotionGatherer::gather_commits(const GitRepository& source,
                                           PromotionSituation& situation) const {
  PromotionFacts& facts = situation.facts;
  std::vector<Oid> excluded;
  if (facts.base && source.has_object(*facts.base)) excluded.push_back(*facts.base);
  if (situation.record.state == PromotionState::kOpen) {
    const std::optional<LastPromotion> last = TRY(last_promotion_of(core_, facts.target));
    if (last && source.has_object(last->promotion.source_commit)) {
      excluded.push_back(last->promotion.source_commit);
    }
  }
  const std::vector<Oid> baselines =
      TRY(present_baselines(source, situation.active->configuration, facts.source.repository));
  const std::vector<Oid> below = TRY(below_baselines(source, baselines, facts.source_commit));
  excluded.insert(excluded.end(), below.begin(), below.end());
  const std::vector<Oid> commits = TRY(few_commits(source, facts, excluded, commits_max_));
  excluded.insert(excluded.end(), baselines.begin(), baselines.end());
  const std::vector<Oid> uncovered = TRY(few_commits(source, facts, excluded, commits_max_));
  const std::unordered_set<Oid> own(uncovered.begin(), uncovered.end());
  const JudgingContext context{*situation.active, std::nullopt, facts.now};
  for (const Oid& oid : commits) {
    PromotedCommit commit = TRY(commit_of(source, oid, context));
    commit.facts.is_baseline = !own.contains(oid);
    facts.commits.push_back(commit.facts);
    situation.commits.push_back(std::move(commit));
  }
  return {};
}

Result<PromotedCommit> PromotionGatherer::commit_of(const GitRepository& source, const Oid& oid,
                                                    const JudgingContext& context) const {
  if (auto known = commits_.recall(oid)) return *std::move(known);
  JudgedCommit judged = TRY(core_.judge.judge(source, oid, context));
  const GitCommit object = TRY(source.read_commit(oid));
  PromotedCommit commit{std::move(judged.facts), first_line(object.object.message),
                        object.object.author.name};
  if (!judged.fresh) commits_.remember(oid, commit);
  return commit;
}

/// An approval is of the revision it was given to. A rejection is of a commit, and stands when that
/// is pinned again, unless the same person said something newer about it.
bool PromotionGatherer::is_for_pinned_commit(const PromotionSituation& situation, std::size_t at) {
  const ApprovalRecord& record = situation.approvals[at];
  if (record.revision == situation.record.revision) return true;
  const auto is_about_it = [&](std::size_t i) {
    const std::optional<GivenApproval>& given = situation.given[i];
    return given && given->statement.source_commit == situation.record.source_commit.hex();
  };
  if (record.verdict != ApprovalVerdict::kReject || !is_about_it(at)) return false;
  for (std::size_t i = at + 1; i < situation.approvals.size(); ++i) {
    if (situation.approvals[i].identity == record.identity && is_about_it(i)) return false;
  }
  return true;
}

Result<> PromotionGatherer::gather_approvals(PromotionSituation& situation) const {
  situation.approvals = TRY(core_.ledger.read().approvals(situation.record.number));
  for (const ApprovalRecord& record : situation.approvals) {
    situation.given.push_back(TRY(read_given(core_, record)));
  }
  for (std::size_t i = 0; i < situation.approvals.size(); ++i) {
    const ApprovalRecord& record = situation.approvals[i];
    const ResourceName identity = TRY(ResourceName::parse(record.identity));
    ApprovalFacts facts{.identity = identity, .fingerprint = record.fingerprint};
    facts.verdict = record.verdict;
    facts.received = record.received;
    facts.expires = record.expires;
    facts.drops = record.drops;
    facts.is_for_pinned_commit = is_for_pinned_commit(situation, i);
    const std::optional<GivenApproval>& given = situation.given[i];
    if (record.revision != situation.record.revision) {
      facts.stale_reason = "the promotion was updated since";
    } else if (!given) {
      facts.stale_reason = "its text was erased";
    } else {
      ApprovalStatement expected = situation.statement;
      expected.drops = given->statement.drops;
      facts.matches_current_revision = given->statement.is_about_same_as(expected);
      if (!facts.matches_current_revision) {
        facts.stale_reason = describe_difference(given->statement, expected);
      }
    }
    situation.facts.approvals.push_back(std::move(facts));
  }
  return {};
}

Result<> PromotionGatherer::verify_pin(const PromotionRecord& record) const {
  Result<> held = require_as_logged(core_.ledger.read(), record);
  if (!held) {
    // Once more when it cannot be the checkpoint that is still to come.
    TRY(await_entry(core_.ledger, std::numeric_limits<EntryIndex>::max()));
    held = require_as_logged(core_.ledger.read(), record);
  }
  if (!held) return held;
  const PooledRepository source = TRY(core_.repositories.acquire(record.source.repository));
  return require_own_tree(*source, record.source_commit, record.tree);
}

Result<> PromotionGatherer::verify_approvals(PromotionSituation& situation) const {
  for (std::size_t i = 0; i < situation.approvals.size(); ++i) {
    TRY(await_entry(core_.ledger, situation.approvals[i].entry));
    TRY(require_as_logged(core_.ledger.read(), situation.approvals[i], situation.given[i]));
    ApprovalFacts& facts = situation.facts.approvals[i];
    // A rejection needs no key that is still in service: nobody agrees by losing one.
    if (facts.verdict == ApprovalVerdict::kReject || !facts.is_for_pinned_commit) continue;
    const bool is_good = TRY(is_well_signed(situation, facts, situation.given[i]));
    if (is_good) continue;
    facts.is_for_pinned_commit = false;
    facts.matches_current_revision = false;
    facts.stale_reason = "its signature does not verify";
  }
  return {};
}

}  // namespace statehouse
