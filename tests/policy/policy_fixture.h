#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/configuration.h"
#include "policy/evaluate.h"

// The vocabulary of the policy tests: a small organisation, changed one thing at a time.

namespace statehouse::test {

inline const Timestamp kNow = Timestamp::from_unix_seconds(1'780'000'000);

ResourceName name(std::string_view text);
RefKey ref(std::string_view text);  ///< "platform:refs/heads/audit"
Oid oid(unsigned number);

/// An SSH public key line that belongs to `seed` alone, and its fingerprint.
std::string key_line(std::string_view seed);
std::string fingerprint(std::string_view seed);

/// Knows keys whose armor is "…BLOCK-----\n<seed>\n…"; primary and subkey fingerprints follow from
/// the seed.
Result<OpenPgpKeySummary> inspect(std::string_view armored);
std::string openpgp_fingerprint(std::string_view seed, unsigned subkey = 0);

/// alice, bob, carol and dave, each with a key named after them and NAME@example.org; robot `ci`
/// owned by alice, with a key; groups developers (alice, bob, ci), reviewers (alice, bob, carol),
/// administrators (alice, bob), auditors (dave); repository platform; policies audit and deploy;
/// flow deploy (one reviewer); and system with policies and its flow.
std::string organisation();

/// `text` with the one place where `from` stands replaced by `to`. REQUIRES: exactly one.
std::string with(std::string text, std::string_view from, std::string_view to);

/// The configuration of one file. REQUIRES: valid.
Configuration configured(std::string_view yaml);
/// The problems of one file, as text. REQUIRES: there is one.
std::vector<std::string> problems(std::string_view yaml);

/// A commit by, committed by, signed by and pushed by `who`, received an hour ago.
CommitFacts commit_by(std::string_view who, unsigned number = 1);
/// A direct push of `commits` to the audit branch by `who`, fast-forward.
UpdateFacts push_by(std::string_view who, std::vector<CommitFacts> commits);
/// A promotion of `commits` through the flow deploy, opened by the pusher of the last one.
PromotionFacts promotion_of(std::vector<CommitFacts> commits);
/// An approval of the current revision by `who` with the key named after them, a minute ago.
ApprovalFacts approval_by(std::string_view who);

/// "allowed", or the rules that deny: "approvals self-approval".
std::string verdict(const Decision& decision);
/// The first result of `rule`. REQUIRES: there is one.
RuleResult result_of(const Decision& decision, std::string_view rule);

}  // namespace statehouse::test
