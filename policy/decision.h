#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "policy/resource.h"

namespace statehouse {

/// One rule that was looked at.
///
/// `policy` is the name of the Policy, `flow:NAME` for a flow's requirement, or `store` for what
/// holds without any policy (default deny). `rule` is one of a closed set of lower-case names, see
/// the table in policy/evaluate.h; both are safe to log. `reason` and `fix` are evidence: words for
/// the reader, with names and counts from the facts, escaped. `fix` is empty when `pass`.
struct RuleResult {
  std::string policy;
  std::string rule;
  bool pass = false;
  std::string reason;
  std::string fix;
  Enforcement enforcement = Enforcement::kEnforce;

  [[nodiscard]] bool denies() const { return !pass && enforcement == Enforcement::kEnforce; }
};

/// The answer, with everything it rests on. A value.
///
/// Starts as a refusal: a Decision allows only after `settle` found at least one rule and none
/// that denies.
struct Decision {
  bool allow = false;
  bool would_deny = false;  ///< some rule under `enforcement: evaluate` failed
  std::vector<RuleResult> rules;

  /// Appends what `other` looked at. Call `settle` afterwards.
  void add(Decision other);
  void pass(std::string policy, std::string rule, std::string reason,
            Enforcement enforcement = Enforcement::kEnforce);
  void fail(std::string policy, std::string rule, std::string reason, std::string fix,
            Enforcement enforcement = Enforcement::kEnforce);
  /// Computes `allow` and `would_deny` from `rules`.
  void settle();

  /// Names of the rules that deny, each once, in the order looked at: a promotion's `blockedBy`.
  [[nodiscard]] std::vector<std::string> blocked_by() const;
};

/// {"allow", "wouldDeny", "rules":[{"policy","rule","pass","reason","fix","enforcement"}]}
nlohmann::json to_json(const Decision& decision);

/// What the pusher reads after `remote: `, one per line:
///   denied: audit-branches/signatures: commit 1f2e3d4c5b6a is not signed
///   fix: sign it: git commit --amend -S
/// Rules under evaluation read `would-deny:` instead of `denied:`. Passing rules say nothing.
std::vector<std::string> remote_lines(const Decision& decision);

}  // namespace statehouse
