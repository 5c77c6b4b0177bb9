#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

// OpenPGP by gpgme, in private home directories only: nothing here reads or writes the user's
// ~/.gnupg, talks to a network, or believes a web of trust or an exit code. One gpg process is
// spawned per operation (about 10 ms); callers cache verdicts.

/// What became of one signature. Only kGood is good: gpg's own exit code also calls signatures by
/// expired and revoked keys a success.
enum class OpenPgpVerdict {
  kGood,
  kBadSignature,      ///< does not match these bytes
  kUnknownKey,        ///< by a key that is not in this ring
  kExpiredKey,        ///< the key has expired
  kRevokedKey,        ///< the key was revoked, also when it was after the signature
  kExpiredSignature,  ///< the signature itself has expired
  kWeak,              ///< SHA-1, MD5 or RIPEMD-160, a short or forbidden kind of key, wrong usage
  kMalformed,         ///< not exactly one detached, armored signature
};

/// The stable name of a verdict in a sentence: "expired key".
std::string_view openpgp_verdict_text(OpenPgpVerdict verdict);

/// "These bytes are cryptographically good by this key, which is in this ring and in service."
/// Only OpenPgpKeyring makes one.
class OpenPgpVerified {
 public:
  [[nodiscard]] const std::string& primary_fingerprint() const { return primary_; }
  [[nodiscard]] const std::string& signing_fingerprint() const { return signing_; }

  /// When the signer says it was made: at most 24 hours ahead of this machine's clock.
  [[nodiscard]] Timestamp created() const { return created_; }

 private:
  friend class OpenPgpKeyring;
  OpenPgpVerified() = default;

  std::string primary_;  // 40 upper-case hexadecimal digits
  std::string signing_;
  Timestamp created_;
};

struct OpenPgpJudgement {
  OpenPgpVerdict verdict = OpenPgpVerdict::kMalformed;
  std::string reason;                       ///< for people; safe to show; empty for kGood
  std::string claimed_key;                  ///< upper hex key id or fingerprint, when it names one
  std::optional<OpenPgpVerified> verified;  ///< set exactly for kGood
};

/// One public key as gpg describes it.
struct OpenPgpKeyInfo {
  struct Subkey {
    std::string fingerprint;  ///< 40 upper-case hexadecimal digits
    std::string algorithm;    ///< as gpg names it: "ed25519", "rsa3072"
    bool can_sign = false;
    bool revoked = false;
    bool expired = false;
    std::optional<Timestamp> expires;
  };
  std::string fingerprint;  ///< of the primary key, which is also subkeys[0]
  std::vector<Subkey> subkeys;
  std::vector<std::string> user_ids;  ///< UTF-8, unverified, attacker-chosen
  bool revoked = false;
  bool expired = false;
  std::optional<Timestamp> expires;
};

/// A fixed set of public keys in a private home directory. Immutable after creation: to change the
/// set, create another in a new directory and swap. Threads: any; every call has its own context.
class OpenPgpKeyring {
 public:
  /// Makes `home` (which must not exist; mode 0700; absolute) and imports `armored_keys`, each of
  /// which must be one public key block. No key at all is allowed. The directory stays when the
  /// ring is destroyed; the caller owns it.
  /// Errors: kConflict (`home` exists), kInvalidArgument (a key is unreadable, secret or too
  /// large), kUnavailable (gpg cannot be run).
  static Result<OpenPgpKeyring> create(const Path& home,
                                       const std::vector<std::string>& armored_keys);

  /// Judges a detached signature over `payload`. Good means: exactly one signature; status 0; the
  /// signing (sub)key is in this ring; hash SHA-256 or better; RSA of at least 2,048 bits, ECDSA or
  /// EdDSA; right key usage; not made more than 24 hours in the future. gpg judges expiry by the
  /// machine's clock, so this does too. Errors (no verdict): kUnavailable when gpg cannot be run.
  [[nodiscard]] Result<OpenPgpJudgement> verify(std::string_view payload,
                                                std::string_view armored_signature) const;

  [[nodiscard]] const std::vector<OpenPgpKeyInfo>& keys() const { return keys_; }

 private:
  OpenPgpKeyring(Path home, std::vector<OpenPgpKeyInfo> keys)
      : home_(std::move(home)), keys_(std::move(keys)) {}

  // Constant after construction.
  Path home_;
  std::vector<OpenPgpKeyInfo> keys_;
};

/// Describes one armored public key, using a throw-away home directory below `scratch`.
/// Errors: kInvalidArgument (not exactly one public key), kUnavailable.
Result<OpenPgpKeyInfo> inspect_openpgp_key(std::string_view armored, const Path& scratch);

/// Signs with one OpenPGP key without a passphrase, kept in a private home directory. Runs a
/// gpg-agent for it, which ends with this object. Move-only. Threads: any; calls are serialised.
class OpenPgpSigner {
 public:
  /// Makes `home` (must not exist) with a new sign-only Ed25519 key that never expires.
  /// `user_id` like "Statehouse <statehouse@example.com>".
  /// Errors: kConflict, kInvalidArgument, kUnavailable.
  static Result<OpenPgpSigner> generate(const Path& home, std::string_view user_id);

  /// Opens a home made by `generate`. Errors: kNotFound, kCorrupt (not exactly one secret key).
  static Result<OpenPgpSigner> open(const Path& home);

  OpenPgpSigner(OpenPgpSigner&&) noexcept;
  OpenPgpSigner& operator=(OpenPgpSigner&&) noexcept;
  OpenPgpSigner(const OpenPgpSigner&) = delete;
  OpenPgpSigner& operator=(const OpenPgpSigner&) = delete;
  ~OpenPgpSigner();

  /// 40 upper-case hexadecimal digits.
  [[nodiscard]] const std::string& fingerprint() const;

  /// The armored public key block.
  [[nodiscard]] Result<std::string> export_public_key() const;

  /// A detached, armored signature with SHA-256 or better over `payload`.
  [[nodiscard]] Result<std::string> sign(std::string_view payload) const;

 private:
  struct State;
  explicit OpenPgpSigner(std::unique_ptr<State> state);
  static Result<OpenPgpSigner> with_key(std::unique_ptr<State> state);
  [[nodiscard]] Result<std::string> sign_once(std::string_view payload) const;

  std::unique_ptr<State> state_;
};

}  // namespace statehouse
