#include <algorithm>

#include "crypto/base/limits.h"
#include "policy/resource_reader.h"

namespace statehouse {

namespace {

constexpr std::size_t kEmailBytesMax = 254;  // RFC 5321, section 4.5.3.1.3

const std::vector<std::pair<std::string_view, KeyUsage>> kUsages = {
    {"commits", KeyUsage::kCommits},
    {"approvals", KeyUsage::kApprovals},
    {"checks", KeyUsage::kChecks},
    {"login", KeyUsage::kLogin}};

/// something@something without spaces or angle brackets: what Git puts between < and >.
std::optional<std::string> read_email(ResourceReader& reader, const YamlNode& node,
                                      const std::string& what) {
  auto email = read_line(reader, node, what, kEmailBytesMax);
  if (!email) return std::nullopt;
  const std::size_t at = email->find('@');
  const bool shaped = at != std::string::npos && at > 0 && at + 1 < email->size() &&
                      email->find('@', at + 1) == std::string::npos &&
                      email->find_first_of(" <>,;\"") == std::string::npos;
  if (shaped) return email;
  reader.report(node.at, what + " must be an e-mail address", "write it like alice@example.org");
  return std::nullopt;
}

void require_since(ResourceReader& reader, Position at, const Revocation& revocation) {
  const bool compromised = revocation.reason == RevocationReason::kCompromised;
  if (compromised && !revocation.since) {
    reader.report(at, "a compromised key needs `since`",
                  "say since when somebody else may have used it");
  } else if (!compromised && revocation.since) {
    reader.report(at, "`since` is only for compromised keys", "leave it out");
  } else if (revocation.since && *revocation.since > revocation.at) {
    reader.report(at, "`since` must not be after `at`");
  }
}

Revocation read_revocation(ResourceReader& reader, const YamlNode& node, const std::string& what) {
  const Fields fields(reader, node, what, {"at", "reason", "since"});
  Revocation revocation;
  bool complete = false;
  if (const YamlNode* at = fields.required("at")) {
    const auto time = read_time(reader, *at, fields.path("at"));
    complete = time.has_value();
    revocation.at = time.value_or(Timestamp());
  }
  if (const YamlNode* reason = fields.required("reason")) {
    const auto value =
        read_choice<RevocationReason>(reader, *reason, fields.path("reason"),
                                      {{"retired", RevocationReason::kRetired},
                                       {"lost", RevocationReason::kLost},
                                       {"compromised", RevocationReason::kCompromised}});
    complete = complete && value.has_value();
    revocation.reason = value.value_or(RevocationReason::kRetired);
  }
  if (const YamlNode* since = fields.optional("since")) {
    revocation.since = read_time(reader, *since, fields.path("since"));
    complete = complete && revocation.since.has_value();
  }
  if (complete && fields.optional("reason") != nullptr) {
    require_since(reader, fields.at(), revocation);
  }
  return revocation;
}

std::string read_openpgp(ResourceReader& reader, const YamlNode& node, const std::string& what) {
  if (!require_kind(reader, node, what, YamlKind::kString)) return {};
  constexpr std::string_view kHeader = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
  if (!node.text.starts_with(kHeader) || node.text.size() > limits::kPublicKeyBytesMax) {
    reader.report(node.at, what + " must be one armored public key",
                  "export it: gpg --armor --export-options export-minimal --export FINGERPRINT");
    return {};
  }
  return node.text;
}

void read_key_validity(const Fields& fields, IdentityKey& key) {
  ResourceReader& reader = fields.reader();
  if (const YamlNode* node = fields.optional("validFrom")) {
    key.valid_from = read_time(reader, *node, fields.path("validFrom"));
  }
  if (const YamlNode* node = fields.optional("validUntil")) {
    key.valid_until = read_time(reader, *node, fields.path("validUntil"));
  }
  if (key.valid_from && key.valid_until && *key.valid_until <= *key.valid_from) {
    reader.report(key.at, "validUntil must be after validFrom");
  }
  key.usage = {KeyUsage::kCommits, KeyUsage::kApprovals, KeyUsage::kChecks, KeyUsage::kLogin};
  if (const YamlNode* node = fields.optional("usage")) {
    require_items(reader, *node, fields.path("usage"));
    key.usage = read_list(reader, *node, fields.path("usage"), [&](const YamlNode& item) {
      return read_choice(reader, item, fields.path("usage"), kUsages);
    });
  }
  if (const YamlNode* node = fields.optional("revoked")) {
    key.revoked = read_revocation(reader, *node, fields.path("revoked"));
  }
}

std::optional<IdentityKey> read_key(ResourceReader& reader, const YamlNode& node) {
  const Fields fields(reader, node, "spec.keys",
                      {"name", "ssh", "openpgp", "validFrom", "validUntil", "usage", "revoked"});
  IdentityKey key;
  key.at = node.at;
  if (const YamlNode* name = fields.optional("name")) {
    const auto value = read_name(reader, *name, fields.path("name"));
    if (value) key.name = value->str();
  }
  const YamlNode* const ssh = fields.optional("ssh");
  const YamlNode* const openpgp = fields.optional("openpgp");
  if (fields.is_mapping() && (ssh == nullptr) == (openpgp == nullptr)) {
    reader.report(node.at, "a key is either `ssh` or `openpgp`", "make one entry per key");
  }
  if (ssh != nullptr) {
    key.ssh = read_line(reader, *ssh, fields.path("ssh"), 16'384).value_or("");
  }
  if (openpgp != nullptr) key.openpgp = read_openpgp(reader, *openpgp, fields.path("openpgp"));
  read_key_validity(fields, key);
  return key;
}

void require_owners(ResourceReader& reader, const Fields& fields, const Identity& identity) {
  const YamlNode* const owners = fields.optional("owners");
  if (identity.type == IdentityType::kPerson && owners != nullptr) {
    reader.report(owners->at, "a person has no owners", "leave `owners` out, or say type: robot");
  }
  const bool lists_none =
      owners == nullptr || (owners->kind == YamlKind::kSequence && owners->children.empty());
  if (identity.type == IdentityType::kRobot && lists_none) {
    reader.report(fields.at(), "a robot needs at least one owner",
                  "add owners: [NAME] with the person who answers for it");
  }
}

}  // namespace

Identity read_identity(ResourceReader& reader, ResourceName name, const YamlNode& spec) {
  const Fields fields(reader, spec, "spec", {"type", "displayName", "emails", "keys", "owners"});
  Identity identity{.name = std::move(name),
                    .type = IdentityType::kPerson,
                    .display_name = {},
                    .emails = {},
                    .keys = {},
                    .owners = {},
                    .source = {}};
  if (const YamlNode* node = fields.required("type")) {
    const auto type = read_choice<IdentityType>(
        reader, *node, fields.path("type"),
        {{"person", IdentityType::kPerson}, {"robot", IdentityType::kRobot}});
    identity.type = type.value_or(IdentityType::kPerson);
    if (type) require_owners(reader, fields, identity);
  }
  if (const YamlNode* node = fields.optional("displayName")) {
    identity.display_name = read_line(reader, *node, fields.path("displayName"), 200).value_or("");
  }
  if (const YamlNode* node = fields.optional("emails")) {
    identity.emails = read_list(reader, *node, fields.path("emails"), [&](const YamlNode& item) {
      return read_email(reader, item, fields.path("emails"));
    });
  }
  if (const YamlNode* node = fields.optional("keys")) {
    identity.keys = read_list(reader, *node, fields.path("keys"),
                              [&](const YamlNode& item) { return read_key(reader, item); });
  }
  if (const YamlNode* node = fields.optional("owners")) {
    identity.owners = read_names(reader, *node, fields.path("owners"));
  }
  return identity;
}

}  // namespace statehouse
