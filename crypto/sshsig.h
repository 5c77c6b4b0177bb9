#pragma once

#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "crypto/ed25519.h"
#include "crypto/ssh_key.h"

namespace statehouse {

/// Namespaces that we sign and accept. Git uses "git" for commits, tags and push certificates.
inline constexpr std::string_view kSshNamespaceGit = "git";
inline constexpr std::string_view kSshNamespaceApproval = "approval@statehouse";
inline constexpr std::string_view kSshNamespaceCheck = "check@statehouse";
inline constexpr std::string_view kSshNamespaceLogin = "login@statehouse";

/// An SSHSIG signature taken apart and NOT verified: what it claims, by whom (OpenSSH
/// PROTOCOL.sshsig).
struct SshSignature {
  std::string public_key_blob;
  std::string signature_namespace;
  std::string hash_algorithm;  ///< "sha256" or "sha512"
  std::string signature_type;  ///< as in the signature blob: "rsa-sha2-512" for an ssh-rsa key
  std::string signature_blob;  ///< from the type name to the end
};

/// Reads armored SSHSIG text, stricter than ssh-keygen, which verifies with a non-empty reserved
/// field, version 0, one-line base64 and text after the footer. Here one signature has few texts:
/// exact header and footer lines; canonical base64 in lines of exactly 70 (OpenSSH) or 76
/// (PROTOCOL.sshsig) characters, the last one shorter or equal; after the footer nothing or one LF;
/// version 1; reserved empty; non-empty namespace; sha256 or sha512; no trailing bytes anywhere.
/// Errors: kInvalidArgument.
Result<SshSignature> parse_ssh_signature(std::string_view armored);

/// "These bytes are cryptographically good by this key." Only `verify_ssh_signature` makes one.
/// It says nothing about who holds the key or whether it is allowed to do anything.
class SshSignatureVerified {
 public:
  [[nodiscard]] const SshPublicKey& key() const { return key_; }

  /// FIDO keys: somebody touched the key (always true here: such signatures without it are
  /// refused), and the key checked a PIN or finger. False for other key types.
  [[nodiscard]] bool user_present() const { return user_present_; }
  [[nodiscard]] bool user_verified() const { return user_verified_; }

 private:
  friend Result<SshSignatureVerified> verify_ssh_signature(std::string_view message,
                                                           std::string_view armored,
                                                           std::string_view signature_namespace);
  explicit SshSignatureVerified(SshPublicKey key) : key_(std::move(key)) {}

  SshPublicKey key_;
  bool user_present_ = false;
  bool user_verified_ = false;
};

/// Verifies `armored` over exactly `message` in exactly `signature_namespace`.
///
/// Ed25519 by libsodium; RSA (rsa-sha2-256/512, PKCS#1 v1.5) and ECDSA by OpenSSL; FIDO keys in
/// their plain and, for ECDSA, WebAuthn form, with the user-presence flag required.
/// Errors: kInvalidArgument (not an SSHSIG in our strict form), kUnverified (wrong namespace, bad
/// signature, or "unsupported": certificates, DSA, SHA-1, unknown types). Threads: any.
Result<SshSignatureVerified> verify_ssh_signature(std::string_view message,
                                                  std::string_view armored,
                                                  std::string_view signature_namespace);

/// Signs `message` as `ssh-keygen -Y sign -n NAMESPACE` would: sha512, 70 columns, final LF.
/// REQUIRES: the namespace is not empty.
std::string sign_sshsig(std::string_view message, std::string_view signature_namespace,
                        const Ed25519SecretKey& key);

}  // namespace statehouse
