#include "tests/policy/policy_fixture.h"

#include <doctest/doctest.h>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"
#include "crypto/ssh_key.h"

namespace statehouse::test {

ResourceName name(std::string_view text) { return ResourceName::parse(text).value(); }

RefKey ref(std::string_view text) {
  const std::size_t colon = text.find(':');
  return RefKey{RepositoryName::parse(text.substr(0, colon)).value(),
                RefName::parse(text.substr(colon + 1)).value()};
}

Oid oid(unsigned number) {
  std::string hex = hex_encode(sha256("oid " + std::to_string(number)));
  return Oid::parse(hex.substr(0, 40)).value();
}

std::string key_line(std::string_view seed) {
  const std::string length_of_type("\0\0\0\x0b", 4);
  const std::string length_of_key("\0\0\0\x20", 4);
  return "ssh-ed25519 " +
         base64_encode(length_of_type + "ssh-ed25519" + length_of_key + sha256(seed)) + " " +
         std::string(seed);
}

std::string fingerprint(std::string_view seed) {
  return SshPublicKey::parse_line(key_line(seed)).value().fingerprint();
}

std::string openpgp_fingerprint(std::string_view seed, unsigned subkey) {
  std::string hex = sha256_hex(std::string(seed) + std::to_string(subkey)).substr(0, 40);
  for (char& c : hex) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  return hex;
}

Result<OpenPgpKeySummary> inspect(std::string_view armored) {
  const std::size_t first = armored.find('\n') + 1;
  const std::string seed(armored.substr(first, armored.find('\n', first) - first));
  if (seed == "broken") return invalid_argument("reading an OpenPGP key: broken");
  return OpenPgpKeySummary{openpgp_fingerprint(seed), {openpgp_fingerprint(seed, 1)}};
}

namespace {

std::string document(std::string_view kind, std::string_view name, std::string_view spec) {
  return "---\napiVersion: statehouse/v1\nkind: " + std::string(kind) +
         "\nmetadata: {name: " + std::string(name) + "}\nspec:\n" + std::string(spec);
}

std::string person(const std::string& who) {
  return document("Identity", who,
                  "  type: person\n  emails: [" + who +
                      "@example.org]\n  keys:\n    - ssh: " + key_line(who) + "\n");
}

}  // namespace

std::string organisation() {
  return person("alice") + person("bob") + person("carol") + person("dave") +
         document("Identity", "ci",
                  "  type: robot\n  owners: [alice]\n  emails: [ci@example.org]\n  keys:\n    - "
                  "ssh: " +
                      key_line("ci") + "\n") +
         document("Group", "developers", "  members: [alice, bob, ci]\n") +
         document("Group", "reviewers", "  members: [alice, bob, carol]\n") +
         document("Group", "administrators", "  members: [bob, alice]\n") +
         document("Group", "auditors", "  members: [dave]\n") +
         document("Repository", "platform", "  defaultBranch: audit\n") +
         document("Policy", "audit",
                  "  match: {repositories: [platform], refs: [refs/heads/audit]}\n"
                  "  read: [group:developers, group:reviewers]\n"
                  "  update: {by: [group:developers]}\n"
                  "  commits: {signatures: required, signers: [group:developers], "
                  "committerIsSigner: true}\n") +
         document("Policy", "deploy",
                  "  match: {repositories: [platform], refs: [refs/heads/deploy]}\n"
                  "  read: [group:developers, group:reviewers]\n"
                  "  update: {by: [flow:deploy]}\n") +
         document("Flow", "deploy",
                  "  from: {repository: platform, ref: refs/heads/audit}\n"
                  "  to: {repository: platform, ref: refs/heads/deploy}\n"
                  "  promote: [group:developers]\n"
                  "  merge: {by: [group:reviewers]}\n"
                  "  approvals: [{count: 1, from: [group:reviewers], validFor: 7d}]\n") +
         document("Policy", "system-audit",
                  "  match: {repositories: [system], refs: [refs/heads/audit]}\n"
                  "  update: {by: [group:administrators]}\n"
                  "  commits: {signatures: required, signers: [group:administrators]}\n") +
         document("Policy", "system-deploy",
                  "  match: {repositories: [system], refs: [refs/heads/deploy]}\n"
                  "  update: {by: [flow:system]}\n") +
         document("Flow", "system",
                  "  from: {repository: system, ref: refs/heads/audit}\n"
                  "  to: {repository: system, ref: refs/heads/deploy}\n"
                  "  promote: [group:administrators]\n"
                  "  merge: {by: [group:administrators]}\n"
                  "  approvals: [{count: 1, from: [group:administrators]}]\n");
}

std::string with(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE_MESSAGE(at != std::string::npos, from);
  REQUIRE_MESSAGE(text.find(from, at + 1) == std::string::npos, from);
  return text.replace(at, from.size(), to);
}

Configuration configured(std::string_view yaml) {
  auto configuration = Configuration::build({{"all.yaml", std::string(yaml)}}, inspect);
  if (!configuration) FAIL(configuration.error().front().text());
  return *std::move(configuration);
}

std::vector<std::string> problems(std::string_view yaml) {
  const auto configuration = Configuration::build({{"all.yaml", std::string(yaml)}}, inspect);
  REQUIRE_FALSE(configuration.has_value());
  std::vector<std::string> texts;
  for (const Diagnostic& problem : configuration.error()) texts.push_back(problem.text());
  return texts;
}

CommitFacts commit_by(std::string_view who, unsigned number) {
  CommitFacts commit;
  commit.oid = oid(number);
  commit.author_email = std::string(who) + "@example.org";
  commit.committer_email = commit.author_email;
  commit.signature = SignatureVerdict{SignatureState::kGood, SignatureFormat::kSsh,
                                      fingerprint(who),      name(who),
                                      std::string(who),      {}};
  commit.pusher = name(who);
  commit.received = kNow - std::chrono::hours(1);
  return commit;
}

UpdateFacts push_by(std::string_view who, std::vector<CommitFacts> commits) {
  return UpdateFacts{.key = ref("platform:refs/heads/audit"),
                     .kind = UpdateKind::kUpdate,
                     .old_oid = oid(1000),
                     .new_oid = oid(1001),
                     .fast_forward = true,
                     .new_commits = std::move(commits),
                     .pusher = name(who),
                     .via_flow = {},
                     .is_import = false,
                     .now = kNow};
}

PromotionFacts promotion_of(std::vector<CommitFacts> commits) {
  const ResourceName opener =
      commits.empty() ? name("alice") : commits.back().pusher.value_or(name("alice"));
  return PromotionFacts{.number = 12,
                        .flow = name("deploy"),
                        .source = ref("platform:refs/heads/audit"),
                        .source_commit = oid(1001),
                        .target = ref("platform:refs/heads/deploy"),
                        .base = oid(1000),
                        .base_version = 40,
                        .commits = std::move(commits),
                        .fast_forward = true,
                        .approvals = {},
                        .superseded_by = {},
                        .target_own_changes = {},
                        .rollback = {},
                        .automatic_hold = {},
                        .merge_is_automatic = false,
                        .opener = opener,
                        .merger = {},
                        .now = kNow};
}

ApprovalFacts approval_by(std::string_view who) {
  return ApprovalFacts{.identity = name(who),
                       .fingerprint = fingerprint(who),
                       .verdict = ApprovalVerdict::kApprove,
                       .matches_current_revision = true,
                       .stale_reason = {},
                       .is_for_pinned_commit = true,
                       .received = kNow - std::chrono::minutes(1),
                       .expires = {},
                       .drops = {}};
}

std::string verdict(const Decision& decision) {
  if (decision.allow) return "allowed";
  std::string text;
  for (const std::string& rule : decision.blocked_by()) text += (text.empty() ? "" : " ") + rule;
  return text;
}

RuleResult result_of(const Decision& decision, std::string_view rule) {
  for (const RuleResult& result : decision.rules) {
    if (result.rule == rule) return result;
  }
  FAIL("no result of rule " << rule);
  return {};
}

}  // namespace statehouse::test
