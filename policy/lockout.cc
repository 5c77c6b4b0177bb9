#include <algorithm>

#include "policy/configuration.h"
#include "policy/evaluate.h"
#include "policy/independence.h"

namespace statehouse {

namespace {

/// Plays a change of `system` through the evaluator, for everybody who might make one.
class Rehearsal {
 public:
  Rehearsal(const Configuration& configuration, const Flow& flow, Timestamp now)
      : configuration_(configuration), flow_(flow), now_(now) {}

  /// Whether somebody could change `system`; else `why_not` says what stood in the way last.
  bool succeeds() {
    bool somebody_opens = false;
    bool somebody_merges = flow_.merge_auto;
    for (const Identity& identity : configuration_.identities()) {
      somebody_opens = somebody_opens || may(identity, evaluate_open_permission);
      somebody_merges = somebody_merges || may(identity, evaluate_merge_permission);
    }
    if (!somebody_opens) why_not_ = "nobody may open a promotion through the flow system";
    if (!somebody_merges) why_not_ = "nobody may merge a promotion of the flow system";
    return somebody_opens && somebody_merges &&
           std::ranges::any_of(configuration_.keys().entries(), [&](const KeyEntry& key) {
             return can_push(key) && can_promote(key);
           });
  }

  [[nodiscard]] const std::string& why_not() const { return why_not_; }

 private:
  template <typename Permission>
  bool may(const Identity& identity, Permission permission) const {
    return permission(configuration_, flow_.name, source(), identity.name).allow;
  }

  [[nodiscard]] RefKey source() const {
    return RefKey{flow_.from_repository, RefName::parse(flow_.from_ref.str()).value()};
  }

  /// A commit by the owner of `key`, signed with it.
  [[nodiscard]] CommitFacts commit_by(const KeyEntry& key) const {
    CommitFacts commit;
    const Identity* const author = configuration_.identity(key.identity);
    if (author != nullptr && !author->emails.empty()) {
      commit.author_email = author->emails.front();
      commit.committer_email = author->emails.front();
    }
    const SignatureFormat format =
        key.key.ssh.empty() ? SignatureFormat::kOpenPgp : SignatureFormat::kSsh;
    commit.signature =
        configuration_.keys().judge(format, key.fingerprint, KeyUsage::kCommits, now_);
    commit.pusher = key.identity;
    commit.received = now_;
    return commit;
  }

  bool can_push(const KeyEntry& key) {
    const UpdateFacts facts{.key = source(),
                            .kind = UpdateKind::kUpdate,
                            .old_oid = Oid(),
                            .new_oid = Oid(),
                            .fast_forward = true,
                            .new_commits = {commit_by(key)},
                            .pusher = key.identity,
                            .via_flow = {},
                            .is_import = false,
                            .now = now_};
    return passes(evaluate_update(configuration_, facts), 0);
  }

  /// Everybody who is asked approves; who counts as independent is for the evaluator to say.
  [[nodiscard]] std::vector<ApprovalFacts> all_approvals() const {
    std::set<ResourceName> asked;
    for (const ApprovalClause& clause : flow_.approvals) {
      asked.merge(configuration_.identities_named(clause.from));
    }
    std::vector<ApprovalFacts> approvals;
    for (const KeyEntry& key : configuration_.keys().entries()) {
      if (!asked.contains(key.identity)) continue;
      approvals.push_back(ApprovalFacts{.identity = key.identity,
                                        .fingerprint = key.fingerprint,
                                        .verdict = ApprovalVerdict::kApprove,
                                        .matches_current_revision = true,
                                        .stale_reason = {},
                                        .received = now_,
                                        .expires = {},
                                        .drops = {}});
    }
    return approvals;
  }

  bool can_promote(const KeyEntry& key) {
    const PromotionFacts facts{.number = 0,
                               .flow = flow_.name,
                               .source = source(),
                               .source_commit = Oid(),
                               .target = flow_.to,
                               .base = Oid(),
                               .base_version = 1,
                               .commits = {commit_by(key)},
                               .fast_forward = true,
                               .approvals = all_approvals(),
                               .superseded_by = {},
                               .target_own_changes = {},
                               .rollback = {},
                               .automatic_hold = {},
                               .merge_is_automatic = false,
                               .opener = key.identity,
                               .merger = {},
                               .now = now_};
    return passes(evaluate_promotion(configuration_, facts), 1);
  }

  /// Keeps the reason of the attempt that came furthest: that one is the nearest to a cure.
  bool passes(const Decision& decision, int stage) {
    if (decision.allow) return true;
    const auto denial = std::ranges::find_if(decision.rules, &RuleResult::denies);
    if (denial == decision.rules.end()) return false;
    const int reached = 2 * stage + (denial->rule == "update" ? 0 : 1);
    if (reached > furthest_) {
      furthest_ = reached;
      why_not_ = denial->reason;
    }
    return false;
  }

  const Configuration& configuration_;
  const Flow& flow_;
  Timestamp now_;
  std::string why_not_ = "no identity has a key";
  int furthest_ = -1;
};

Diagnostic locked_out(const Source& source, const std::string& why, std::string fix) {
  return {source.file, source.at,
          "with this configuration nobody could change system again: " + why, std::move(fix)};
}

}  // namespace

std::optional<Diagnostic> find_lockout(const Configuration& configuration, Timestamp now) {
  const auto ref = [](std::string_view name) {
    return RefKey{RepositoryName::system(), RefName::parse(name).value()};
  };
  const RefKey audit = ref("refs/heads/audit");
  const RefKey deploy = ref("refs/heads/deploy");
  const Flow* const flow = configuration.flow(ResourceName::parse("system").value());
  if (flow == nullptr) {
    return locked_out({}, "there is no flow system",
                      "add the flow system from system:refs/heads/audit to "
                      "system:refs/heads/deploy");
  }
  if (flow->from_repository != audit.repository || flow->from_ref.str() != audit.ref.str() ||
      flow->to != deploy) {
    return locked_out(flow->source, "the flow system does not lead from audit to deploy",
                      "let it lead from system:refs/heads/audit to system:refs/heads/deploy");
  }
  Rehearsal rehearsal(configuration, *flow, now);
  if (rehearsal.succeeds()) return std::nullopt;
  return locked_out(flow->source, rehearsal.why_not(),
                    "keep enough people with keys in service who may push, approve and merge");
}

}  // namespace statehouse
