#include "policy/key_directory.h"

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/ssh_key.h"

namespace statehouse {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

/// All fingerprints a signature by this key may carry; the first is the key's own.
Result<std::vector<std::string>> fingerprints_of(const IdentityKey& key,
                                                 const OpenPgpInspector& inspect) {
  if (!key.ssh.empty()) {
    const SshPublicKey ssh = TRY(SshPublicKey::parse_line(key.ssh));
    return std::vector<std::string>{ssh.fingerprint()};
  }
  if (!inspect) return invalid_argument("OpenPGP keys cannot be read here");
  OpenPgpKeySummary summary = TRY(inspect(key.openpgp));
  std::vector<std::string> fingerprints{summary.primary_fingerprint};
  for (std::string& subkey : summary.subkey_fingerprints) {
    if (subkey != summary.primary_fingerprint) fingerprints.push_back(std::move(subkey));
  }
  return fingerprints;
}

std::string standing_in_words(KeyStanding standing, const KeyEntry& entry, KeyUsage usage) {
  const std::string key = "key " + entry.label() + " of " + entry.identity.str();
  switch (standing) {
    case KeyStanding::kGood:
    case KeyStanding::kUnknown:
      return {};
    case KeyStanding::kWrongUsage:
      return key + " is not for " + std::string(key_usage_name(usage));
    case KeyStanding::kNotYetValid:
      return key + " is not valid before " + entry.key.valid_from->rfc3339();
    case KeyStanding::kExpired:
      return key + " expired at " + entry.key.valid_until->rfc3339();
    case KeyStanding::kRevoked:
      return key + " was revoked as " +
             std::string(revocation_reason_name(entry.key.revoked->reason)) + " at " +
             entry.key.revoked->at.rfc3339();
  }
  return {};
}

KeyStanding standing_of(const IdentityKey& key, KeyUsage usage, Timestamp at) {
  if (key.revoked && (at >= key.revoked->at || (key.revoked->since && at >= *key.revoked->since))) {
    return KeyStanding::kRevoked;
  }
  if (std::ranges::find(key.usage, usage) == key.usage.end()) return KeyStanding::kWrongUsage;
  if (key.valid_from && at < *key.valid_from) return KeyStanding::kNotYetValid;
  if (key.valid_until && at >= *key.valid_until) return KeyStanding::kExpired;
  return KeyStanding::kGood;
}

}  // namespace

KeyDirectory KeyDirectory::build(const std::vector<Identity>& identities,
                                 const OpenPgpInspector& inspect, Diagnostics& problems) {
  KeyDirectory directory;
  for (const Identity& identity : identities) {
    const auto report = [&](Position at, std::string message, std::string fix) {
      problems.push_back({identity.source.file, at, std::move(message), std::move(fix)});
    };
    for (const std::string& email : identity.emails) {
      const auto [known, added] = directory.by_email_.try_emplace(lower(email), identity.name);
      if (!added) {
        report(identity.source.at,
               "e-mail address " + escape_for_message(email) + " of identity " +
                   identity.name.str() + " already belongs to " + known->second.str(),
               "an address says who wrote a commit: give it to one identity, once");
      }
    }
    for (const IdentityKey& key : identity.keys) {
      const auto fingerprints = fingerprints_of(key, inspect);
      if (!fingerprints) {
        report(key.at,
               "key of identity " + identity.name.str() + ": " + fingerprints.error().message,
               fingerprints.error().fix);
        continue;
      }
      const std::size_t index = directory.entries_.size();
      directory.entries_.push_back(KeyEntry{identity.name, fingerprints->front(), key});
      directory.by_identity_[identity.name].push_back(index);
      for (const std::string& fingerprint : *fingerprints) {
        const auto [known, added] = directory.by_fingerprint_.try_emplace(fingerprint, index);
        if (added) continue;
        report(key.at,
               "key " + fingerprint + " of identity " + identity.name.str() +
                   " already belongs to " + directory.entries_[known->second].identity.str(),
               "a key says who signed: give it to one identity, once");
      }
    }
  }
  return directory;
}

const KeyEntry* KeyDirectory::find(std::string_view fingerprint) const {
  const auto found = by_fingerprint_.find(fingerprint);
  return found == by_fingerprint_.end() ? nullptr : &entries_[found->second];
}

KeyStanding KeyDirectory::standing(std::string_view fingerprint, KeyUsage usage,
                                   Timestamp at) const {
  const KeyEntry* const entry = find(fingerprint);
  return entry == nullptr ? KeyStanding::kUnknown : standing_of(entry->key, usage, at);
}

SignatureVerdict KeyDirectory::judge(SignatureFormat format, std::string_view fingerprint,
                                     KeyUsage usage, Timestamp at) const {
  SignatureVerdict verdict;
  verdict.format = format;
  verdict.fingerprint = std::string(fingerprint);
  const KeyEntry* const entry = find(fingerprint);
  if (entry == nullptr) {
    verdict.state = SignatureState::kUnknownKey;
    verdict.reason = "no identity has key " + escape_for_message(fingerprint);
    return verdict;
  }
  verdict.identity = entry->identity;
  verdict.key_name = entry->label();
  const KeyStanding standing = standing_of(entry->key, usage, at);
  verdict.state =
      standing == KeyStanding::kGood ? SignatureState::kGood : SignatureState::kKeyNotValid;
  verdict.reason = standing_in_words(standing, *entry, usage);
  return verdict;
}

std::optional<ResourceName> KeyDirectory::identity_of_email(std::string_view email) const {
  const auto found = by_email_.find(lower(email));
  if (found == by_email_.end()) return std::nullopt;
  return found->second;
}

bool KeyDirectory::has_good_key(const ResourceName& identity, KeyUsage usage, Timestamp at) const {
  const auto keys = by_identity_.find(identity);
  return keys != by_identity_.end() && std::ranges::any_of(keys->second, [&](std::size_t index) {
           return standing_of(entries_[index].key, usage, at) == KeyStanding::kGood;
         });
}

}  // namespace statehouse
