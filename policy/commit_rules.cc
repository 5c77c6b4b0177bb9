#include "policy/commit_rules.h"

#include <string>

#include "policy/words.h"

namespace statehouse {

namespace {

using Offenders = std::vector<const CommitFacts*>;

template <typename Offends>
Offenders offenders(const std::vector<CommitFacts>& commits, Offends offends) {
  Offenders found;
  for (const CommitFacts& commit : commits) {
    if (!commit.is_baseline && !commit.is_seal && offends(commit)) found.push_back(&commit);
  }
  return found;
}

bool is_good(const CommitFacts& commit) { return commit.signature.state == SignatureState::kGood; }

std::string what_is_wrong(const SignatureVerdict& signature) {
  const std::string why =
      signature.reason.empty() ? std::string() : ": " + escape_for_message(signature.reason);
  switch (signature.state) {
    case SignatureState::kGood:
      return "is signed";
    case SignatureState::kUnsigned:
      return "is not signed";
    case SignatureState::kMalformed:
      return "has a signature that cannot be read" + why;
    case SignatureState::kBad:
      return "has a signature that does not match it" + why;
    case SignatureState::kUnknownKey:
      return "is signed by a key that no identity has: " +
             escape_for_message(signature.fingerprint);
    case SignatureState::kKeyNotValid:
      return "is signed by a key that is not in service" + why;
  }
  return {};
}

std::string how_to_cure(SignatureState state, std::size_t commits) {
  const std::string sign =
      commits == 1 ? "git commit --amend --no-edit -S"
                   : "git rebase --exec 'git commit --amend --no-edit -S' --force-rebase UPSTREAM";
  switch (state) {
    case SignatureState::kGood:
      return {};
    case SignatureState::kUnsigned:
      return "sign and push again: " + sign;
    case SignatureState::kMalformed:
    case SignatureState::kBad:
      return "sign again and push: " + sign;
    case SignatureState::kUnknownKey:
      return "sign with a key of your Identity in system, or have this key added there; then: " +
             sign;
    case SignatureState::kKeyNotValid:
      return "sign with a key that is in service; then: " + sign;
  }
  return {};
}

void judge_signatures(const Policy& policy, const std::vector<CommitFacts>& commits,
                      Decision& decision) {
  const Offenders bad = offenders(commits, [](const CommitFacts& c) { return !is_good(c); });
  if (bad.empty()) {
    decision.pass(policy.name.str(), "signatures", "every new commit is signed by a known key",
                  policy.enforcement);
    return;
  }
  const CommitFacts& first = *bad.front();
  decision.fail(policy.name.str(), "signatures",
                words::commit(first.oid) + " " + what_is_wrong(first.signature) +
                    words::and_more_commits(bad.size()),
                how_to_cure(first.signature.state, bad.size()), policy.enforcement);
}

void judge_signers(const Configuration& configuration, const Policy& policy,
                   const std::vector<CommitFacts>& commits, Decision& decision) {
  const Principals& signers = policy.commits->signers;
  const std::string circle = words::list(signers, [](const Principal& p) { return p.str(); });
  const Offenders bad = offenders(commits, [&](const CommitFacts& commit) {
    const auto& identity = commit.signature.identity;
    return is_good(commit) && !(identity && configuration.names(signers, *identity));
  });
  if (bad.empty()) {
    decision.pass(policy.name.str(), "signers", "every signer is in " + circle, policy.enforcement);
    return;
  }
  const CommitFacts& first = *bad.front();
  const std::string who =
      first.signature.identity ? first.signature.identity->str() : "nobody known";
  decision.fail(
      policy.name.str(), "signers",
      words::commit(first.oid) + " is signed by " + who + ", not by " + circle +
          words::and_more_commits(bad.size()),
      "have somebody of " + circle + " sign the commits, or add " + who + " there in system",
      policy.enforcement);
}

void judge_committers(const Configuration& configuration, const Policy& policy,
                      const std::vector<CommitFacts>& commits, Decision& decision) {
  const Offenders bad = offenders(commits, [&](const CommitFacts& commit) {
    const auto owner = configuration.keys().identity_of_email(commit.committer_email);
    return is_good(commit) && !(owner && owner == commit.signature.identity);
  });
  if (bad.empty()) {
    decision.pass(policy.name.str(), "committer-is-signer",
                  "every committer's address is the signer's", policy.enforcement);
    return;
  }
  const CommitFacts& first = *bad.front();
  const std::string signer = first.signature.identity ? first.signature.identity->str() : "nobody";
  decision.fail(policy.name.str(), "committer-is-signer",
                words::commit(first.oid) + " is signed by " + signer + " and committed as " +
                    escape_for_message(first.committer_email, 80) + ", which is no address of " +
                    signer + words::and_more_commits(bad.size()),
                "set git config user.email to an address of the signing Identity and commit again, "
                "or add the address to that Identity in system",
                policy.enforcement);
}

}  // namespace

void judge_commits(const Configuration& configuration, const Policy& policy,
                   const std::vector<CommitFacts>& commits, Decision& decision) {
  if (policy.commits->signatures == Signatures::kOptional) return;
  judge_signatures(policy, commits, decision);
  if (!policy.commits->signers.empty()) {
    judge_signers(configuration, policy, commits, decision);
  }
  if (policy.commits->committer_is_signer) {
    judge_committers(configuration, policy, commits, decision);
  }
}

}  // namespace statehouse
