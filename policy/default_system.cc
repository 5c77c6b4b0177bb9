#include "policy/default_system.h"

#include <algorithm>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

/// A YAML double-quoted scalar. REQUIRES: no control characters (checked by `require_plain`).
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

Result<> require_plain(std::string_view text, std::string_view what) {
  const bool plain = is_valid_utf8(text) && std::ranges::none_of(text, [](char c) {
                       return (c >= 0 && c < ' ') || c == '\x7f';
                     });
  if (plain) return {};
  return invalid_argument("reading " + std::string(what) + ": has control characters");
}

Result<std::string> key_entry(std::string_view key) {
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.remove_suffix(1);
  if (!key.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----")) {
    TRY(require_plain(key, "a public key"));
    return "    - ssh: " + quoted(key) + "\n";
  }
  std::string text = "    - openpgp: |\n";
  while (!key.empty()) {
    const std::size_t end = key.find('\n');
    std::string_view line = key.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    TRY(require_plain(line, "a public key"));
    text += line.empty() ? "\n" : "        " + std::string(line) + "\n";
    key.remove_prefix(end == std::string_view::npos ? key.size() : end + 1);
  }
  return text;
}

Result<ConfigurationFile> identity_file(const FirstAdministrator& administrator) {
  const std::string& name = administrator.name.str();
  std::string text =
      "apiVersion: statehouse/v1\n"
      "kind: Identity\n"
      "metadata: {name: " +
      quoted(name) +
      "}\n"
      "spec:\n"
      "  type: person\n"
      "  # The addresses this person commits with. They say who wrote a commit.\n"
      "  emails: [";
  for (std::size_t i = 0; i < administrator.emails.size(); ++i) {
    TRY(require_plain(administrator.emails[i], "an e-mail address"));
    text += (i > 0 ? ", " : "") + quoted(administrator.emails[i]);
  }
  const std::string key = TRY(key_entry(administrator.key));
  text += "]\n  keys:\n" + key;
  return ConfigurationFile{"identities/" + name + ".yaml", std::move(text)};
}

ConfigurationFile group_file(const std::vector<FirstAdministrator>& administrators) {
  std::string text =
      "# Administrators may mint tokens and read everything. They move only what policies let "
      "them\n"
      "# move; the policies for system, in policies/system.yaml, name this group.\n"
      "apiVersion: statehouse/v1\n"
      "kind: Group\n"
      "metadata: {name: administrators}\n"
      "spec:\n"
      "  members:\n";
  for (const FirstAdministrator& administrator : administrators) {
    text += "    - " + quoted(administrator.name.str()) + "\n";
  }
  return {"groups/administrators.yaml", std::move(text)};
}

ConfigurationFile policy_file() {
  return {
      "policies/system.yaml",
      "# The store's own configuration: signed commits on audit, approved promotion to deploy.\n"
      "# Patterns like \"**\" never match system; it is always named.\n"
      "apiVersion: statehouse/v1\n"
      "kind: Policy\n"
      "metadata: {name: system-audit}\n"
      "spec:\n"
      "  match: {repositories: [system], refs: [refs/heads/audit]}\n"
      "  enforcement: enforce\n"
      "  read: [\"group:administrators\"]\n"
      "  update: {by: [\"group:administrators\"], forcePush: deny, delete: deny}\n"
      "  commits: {signatures: required, signers: [\"group:administrators\"]}\n"
      "---\n"
      "apiVersion: statehouse/v1\n"
      "kind: Policy\n"
      "metadata: {name: system-deploy}\n"
      "spec:\n"
      "  match: {repositories: [system], refs: [refs/heads/deploy]}\n"
      "  enforcement: enforce\n"
      "  read: [\"group:administrators\"]\n"
      "  update: {by: [\"flow:system\"], forcePush: deny, delete: deny}\n"};
}

ConfigurationFile flow_file(bool four_eyes) {
  std::string text =
      "# The way of every change of the store's configuration. The server follows deploy.\n"
      "apiVersion: statehouse/v1\n"
      "kind: Flow\n"
      "metadata: {name: system}\n"
      "spec:\n"
      "  from: {repository: system, ref: refs/heads/audit}\n"
      "  to: {repository: system, ref: refs/heads/deploy}\n"
      "  strategy: seal\n"
      "  promote: [\"group:administrators\"]\n"
      "  merge: {by: [\"group:administrators\"], auto: false}\n";
  text += four_eyes ? "  # Somebody who had no hand in a change approves it.\n"
                      "  approvals:\n"
                      "    - {count: 1, from: [\"group:administrators\"], validFor: 7d}\n"
                    : "  # Four eyes are not possible: there is one administrator, so nobody else "
                      "can approve.\n"
                      "  # When there is a second one, say count: 1.\n"
                      "  approvals:\n"
                      "    - {count: 0, from: [\"group:administrators\"], validFor: 7d}\n";
  return {"flows/system.yaml", std::move(text)};
}

Result<> check(const std::vector<ConfigurationFile>& files, const OpenPgpInspector& inspect,
               Timestamp now) {
  const auto configuration = Configuration::build(files, inspect);
  if (!configuration) return invalid_argument(configuration.error().front().text());
  if (const auto lockout = find_lockout(*configuration, now)) {
    return invalid_argument(lockout->text());
  }
  return {};
}

}  // namespace

Result<std::vector<ConfigurationFile>> default_system_files(
    const std::vector<FirstAdministrator>& administrators, const OpenPgpInspector& inspect,
    Timestamp now) {
  if (administrators.empty()) {
    return invalid_argument("naming the first administrators: there is none",
                            "give at least one --admin IDENTITY=KEYFILE");
  }
  std::vector<ConfigurationFile> files{flow_file(administrators.size() > 1),
                                       group_file(administrators), policy_file()};
  for (const FirstAdministrator& administrator : administrators) {
    ConfigurationFile file = TRY(identity_file(administrator));
    files.push_back(std::move(file));
  }
  std::ranges::sort(files, {}, &ConfigurationFile::path);
  TRY_WITH("writing the first configuration", check(files, inspect, now));
  return files;
}

}  // namespace statehouse
