#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/durable_step.h"
#include "crypto/base/entropy.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/ed25519.h"
#include "store/model/seal_format.h"

namespace statehouse {

/// The public halves, as the trust document wants them.
struct SealingPublicKeys {
  std::string openpgp_fingerprint;  ///< 40 upper-case hex
  std::string openpgp_public_key;   ///< armored
  std::string ssh_fingerprint;      ///< "SHA256:…"
  std::string ssh_public_key;       ///< "ssh-ed25519 AAAA… <comment>"
};

/// The store's private keys at rest:
///
///   keys/log           32-byte Ed25519 seed as base64 and a LF; signs checkpoints
///   keys/statements    likewise; signs version and head statements
///   keys/attestations  likewise; signs attestations
///   keys/sealing-ssh   OpenSSH private key, unencrypted; signs seal commits of format ssh
///   keys/openpgp/      GnuPG home with one sign-only key; signs seal commits of format openpgp
///   keys/root          the offline root key; made by create(), to be moved away, never read here
///
/// The directory must be 0700 and every file 0600, owned by the effective user: anything else is
/// refused, because somebody else may have read the keys. Symbolic links are refused.
///
/// Threads: any. Private keys are wiped from memory on destruction.
class KeyStore {
 public:
  /// Makes `directory` and all keys in it. Durable when it returns: steps "keys.<name>.*".
  /// Errors: kConflict (the directory exists), what writing and GnuPG may say.
  static Result<std::unique_ptr<KeyStore>> create(const Path& directory, std::string_view origin,
                                                  const Entropy& entropy, DurableSteps& steps);

  /// Loads all keys but the root key, which should not be there any more.
  /// Errors: kNotFound; kDenied (mode or owner); kCorrupt (a file does not parse).
  static Result<std::unique_ptr<KeyStore>> open(const Path& directory);

  ~KeyStore();
  KeyStore(const KeyStore&) = delete;
  KeyStore& operator=(const KeyStore&) = delete;

  /// Borrowed; valid while the store lives.
  [[nodiscard]] const Ed25519SecretKey& log_key() const;
  [[nodiscard]] const Ed25519SecretKey& statement_key() const;
  [[nodiscard]] const Ed25519SecretKey& attestation_key() const;
  [[nodiscard]] const SealingPublicKeys& sealing_public_keys() const;

  /// The armored signature of `payload` (the raw bytes of an unsigned commit) by the sealing key:
  /// SSHSIG in namespace "git", or a detached OpenPGP signature. Errors: kInternal, kUnavailable.
  [[nodiscard]] Result<std::string> seal(std::string_view payload, SealFormat format) const;

  /// Whether the root key still lies in the directory: the caller tells the user to move it away.
  [[nodiscard]] bool root_key_present() const;
  static Path root_key_path(const Path& directory) { return directory / "root"; }

 private:
  struct Impl;
  explicit KeyStore(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace statehouse
