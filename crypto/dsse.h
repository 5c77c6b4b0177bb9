#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/ed25519.h"
#include "crypto/sshsig.h"

namespace statehouse {

// DSSE v1.0.2 (https://github.com/secure-systems-lab/dsse). Pure; threads: any.
//
// What a signature's bytes are depends on whose it is. The store's keys: 64 raw bytes of Ed25519,
// keyid = Ed25519PublicKey::key_id(). People's: the armored text of an SSHSIG or of a detached
// OpenPGP signature, keyid = the key's fingerprint text. All are over the PAE.

inline constexpr std::string_view kInTotoPayloadType = "application/vnd.in-toto+json";
inline constexpr std::string_view kHeadPayloadType = "application/vnd.statehouse.head.v1+json";
inline constexpr std::string_view kTrustPayloadType = "application/vnd.statehouse.trust.v1+json";

/// Pre-authentication encoding: "DSSEv1" SP len(type) SP type SP len(payload) SP payload.
std::string dsse_pae(std::string_view payload_type, std::string_view payload);

struct DsseSignature {
  std::string key_id;  ///< a hint, not authenticated
  std::string bytes;   ///< decoded

  bool operator==(const DsseSignature&) const = default;
};

/// An envelope taken apart. Unverified. A value.
struct DsseEnvelope {
  std::string payload_type;
  std::string payload;  ///< decoded: the exact bytes that were signed
  std::vector<DsseSignature> signatures;

  /// JSON, names sorted, standard base64.
  [[nodiscard]] std::string serialise() const;

  /// Reads JSON. payload, payloadType, signatures and sig are required; keyid may be absent;
  /// unknown members are ignored; standard and URL-safe base64 are accepted.
  /// At most 32 signatures. Errors: kInvalidArgument.
  static Result<DsseEnvelope> parse(std::string_view json);

  bool operator==(const DsseEnvelope&) const = default;
};

/// An envelope with one signature per key.
DsseEnvelope sign_dsse(std::string_view payload_type, std::string_view payload,
                       const std::vector<const Ed25519SecretKey*>& keys);
DsseEnvelope sign_dsse(std::string_view payload_type, std::string_view payload,
                       const Ed25519SecretKey& key);

/// A payload that enough of the keys asked for did sign. Only `verify_dsse` makes one.
class VerifiedDsse {
 public:
  [[nodiscard]] const std::string& payload() const { return payload_; }
  [[nodiscard]] const std::string& payload_type() const { return payload_type_; }

  /// The keys with a good signature, each once.
  [[nodiscard]] const std::vector<Ed25519PublicKey>& keys() const { return keys_; }

 private:
  friend Result<VerifiedDsse> verify_dsse(const DsseEnvelope& envelope,
                                          std::string_view payload_type,
                                          const std::vector<Ed25519PublicKey>& keys,
                                          std::size_t threshold);
  VerifiedDsse() = default;

  std::string payload_;
  std::string payload_type_;
  std::vector<Ed25519PublicKey> keys_;
};

/// Verifies that at least `threshold` different keys of `keys` signed the envelope and that its
/// payload type is `payload_type`. Counts keys, not signatures or key ids; the key id is used only
/// to skip keys that it cannot be. Parse the returned payload, never the envelope again.
/// Errors: kUnverified. REQUIRES: threshold >= 1.
Result<VerifiedDsse> verify_dsse(const DsseEnvelope& envelope, std::string_view payload_type,
                                 const std::vector<Ed25519PublicKey>& keys,
                                 std::size_t threshold = 1);

/// Verifies one person's signature in SSHSIG form. The key id must be the fingerprint of the key
/// that signed. Errors: kInvalidArgument, kUnverified.
Result<SshSignatureVerified> verify_dsse_ssh(const DsseEnvelope& envelope,
                                             const DsseSignature& signature,
                                             std::string_view signature_namespace);

/// A person's signature in SSHSIG form (the software-key path; agents and FIDO keys go through
/// ssh-keygen over `dsse_pae`).
DsseSignature sign_dsse_ssh(std::string_view payload_type, std::string_view payload,
                            std::string_view signature_namespace, const Ed25519SecretKey& key);

}  // namespace statehouse
