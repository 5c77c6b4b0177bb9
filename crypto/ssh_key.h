#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "crypto/ed25519.h"

namespace statehouse {

/// The SSH key types whose signatures we judge. Certificates (`…-cert-v01@openssh.com`), DSA and
/// types newer than this list are not in it: callers get "unsupported", never a guess.
enum class SshKeyType {
  kEd25519,      ///< ssh-ed25519
  kRsa,          ///< ssh-rsa (the key; its SHA-1 signatures are refused)
  kEcdsaP256,    ///< ecdsa-sha2-nistp256
  kEcdsaP384,    ///< ecdsa-sha2-nistp384
  kEcdsaP521,    ///< ecdsa-sha2-nistp521
  kSkEd25519,    ///< sk-ssh-ed25519@openssh.com (FIDO)
  kSkEcdsaP256,  ///< sk-ecdsa-sha2-nistp256@openssh.com (FIDO)
};

/// The name of `type` on the wire and in public key files ("ssh-ed25519").
std::string_view ssh_key_type_name(SshKeyType type);

/// A well-formed SSH public key of a supported type. A value; equality is equality of the key.
///
/// Made only by the parsers below, so holding one means: the blob reads strictly to its end, an RSA
/// modulus has 2,048 to 16,384 bits and an odd exponent from 3 up to 64 bits, an ECDSA point is
/// uncompressed and lies on the curve its type names. Sources: RFC 4253 section 6.6, RFC 5656, RFC
/// 8709, OpenSSH PROTOCOL.u2f.
class SshPublicKey {
 public:
  /// One line of a public key file: type, one space, canonical base64, then nothing or a space and
  /// a comment, which is dropped; one final LF is allowed. Options in front (authorized_keys) are
  /// not. Errors: kInvalidArgument; kUnverified "unsupported …" for other key types.
  static Result<SshPublicKey> parse_line(std::string_view line);

  /// The binary form inside that line. Same errors.
  static Result<SshPublicKey> from_blob(std::string_view blob);

  static SshPublicKey from_ed25519(const Ed25519PublicKey& key);

  [[nodiscard]] SshKeyType type() const { return type_; }
  [[nodiscard]] const std::string& blob() const { return blob_; }

  /// "SHA256:" and the unpadded base64 of SHA-256 over the blob, as ssh-keygen prints it.
  [[nodiscard]] std::string fingerprint() const;

  /// "ssh-ed25519 AAAA…", without comment and without LF.
  [[nodiscard]] std::string line() const;

  /// The key itself for kEd25519 and kSkEd25519, else none.
  [[nodiscard]] std::optional<Ed25519PublicKey> ed25519() const;

  /// The FIDO application ("ssh:") of the sk types, else empty.
  [[nodiscard]] std::string application() const;

  bool operator==(const SshPublicKey& other) const { return blob_ == other.blob_; }

 private:
  SshPublicKey(SshKeyType type, std::string blob) : type_(type), blob_(std::move(blob)) {}

  SshKeyType type_;
  std::string blob_;
};

/// Reads an OpenSSH private key file ("-----BEGIN OPENSSH PRIVATE KEY-----", OpenSSH
/// PROTOCOL.key) that holds exactly one Ed25519 key and no passphrase.
/// Errors: kInvalidArgument (malformed, encrypted, or another key type: the message says which).
Result<Ed25519SecretKey> parse_openssh_private_key(std::string_view file);

/// Writes one. `entropy` supplies the check number that the format asks for. The text is as secret
/// as the key: the caller wipes it. REQUIRES: `comment` has no control characters.
std::string format_openssh_private_key(const Ed25519SecretKey& key, std::string_view comment,
                                       const Entropy& entropy);

}  // namespace statehouse
