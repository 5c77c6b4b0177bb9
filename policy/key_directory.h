#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "policy/diagnostic.h"
#include "policy/facts.h"
#include "policy/resource.h"

namespace statehouse {

/// What the directory needs to know of an armored OpenPGP key. Fingerprints: 40 upper-case hex.
struct OpenPgpKeySummary {
  std::string primary_fingerprint;
  std::vector<std::string> subkey_fingerprints;
};

/// Reads an armored OpenPGP public key. Injected, because reading one needs a gpg home directory
/// and policy/ does no I/O. Errors: kInvalidArgument with a message for the key's author.
using OpenPgpInspector = std::function<Result<OpenPgpKeySummary>(std::string_view armored)>;

/// Whether a key proves something at a point in time.
enum class KeyStanding : std::uint8_t {
  kGood,
  kUnknown,      ///< no identity has it
  kWrongUsage,   ///< not for this purpose
  kNotYetValid,  ///< before validFrom
  kExpired,      ///< at or after validUntil
  kRevoked,      ///< at or after revoked.at, or compromised and at or after revoked.since
};

/// A key that an identity has.
struct KeyEntry {
  ResourceName identity;
  std::string fingerprint;  ///< "SHA256:…" for SSH; the primary key's for OpenPGP
  IdentityKey key;

  /// The key's own name, or its fingerprint.
  [[nodiscard]] const std::string& label() const {
    return key.name.empty() ? fingerprint : key.name;
  }
};

/// Who has which key and which e-mail address. Immutable after `build`; threads: any.
///
/// Signatures are judged once, when an object is first received, by the server's clock: pass that
/// time as `at`, never a date that a commit states (a back-dated commit must not revive a key).
class KeyDirectory {
 public:
  /// Problems (unreadable keys, one key or address in two places) are appended to `problems`.
  static KeyDirectory build(const std::vector<Identity>& identities,
                            const OpenPgpInspector& inspect, Diagnostics& problems);

  /// By SSH fingerprint, or by the fingerprint of an OpenPGP primary key or subkey.
  [[nodiscard]] const KeyEntry* find(std::string_view fingerprint) const;
  [[nodiscard]] KeyStanding standing(std::string_view fingerprint, KeyUsage usage,
                                     Timestamp at) const;

  /// The verdict on a signature that is cryptographically good by `fingerprint`, received at `at`:
  /// kGood, kUnknownKey or kKeyNotValid, with identity, key name and a reason in words.
  [[nodiscard]] SignatureVerdict judge(SignatureFormat format, std::string_view fingerprint,
                                       KeyUsage usage, Timestamp at) const;

  /// The identity that has `email` (ASCII case ignored), or nullopt.
  [[nodiscard]] std::optional<ResourceName> identity_of_email(std::string_view email) const;

  /// Whether `identity` has a key that is good for `usage` at `at`.
  [[nodiscard]] bool has_good_key(const ResourceName& identity, KeyUsage usage, Timestamp at) const;

  /// In order of identity, then as written.
  [[nodiscard]] const std::vector<KeyEntry>& entries() const { return entries_; }

 private:
  std::vector<KeyEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> by_fingerprint_;
  std::map<std::string, ResourceName, std::less<>> by_email_;  ///< lower-case address
  std::map<ResourceName, std::vector<std::size_t>> by_identity_;
};

}  // namespace statehouse
