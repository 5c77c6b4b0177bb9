#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/environment.h"
#include "crypto/git_object.h"

namespace statehouse {

/// A person's signature as their own program made it, checked for form.
struct UserSignature {
  std::string key_id;   ///< "SHA256:…" for SSH, 40 upper-case hexadecimal digits for OpenPGP
  std::string armored;  ///< SSHSIG or detached OpenPGP signature
  GitSignatureFormat format = GitSignatureFormat::kSsh;
};

/// Which key to sign with, and with which program. A value.
///
/// `--key` may be an SSH private or public key file (a public one is looked for in the agent, so
/// FIDO keys work), "key::ssh-ed25519 AAAA…" as in git, or an OpenPGP key id, fingerprint or
/// e-mail. Without it git's user.signingkey and gpg.format decide.
class UserKey {
 public:
  /// Errors: kInvalidArgument (nothing given, or nothing usable), kNotFound.
  static Result<UserKey> choose(const Environment& environment,
                                const std::optional<std::string>& given);

  /// Runs `ssh-keygen -Y sign -n signature_namespace` or `gpg --detach-sign --armor` over
  /// `message`; either may ask the person for a passphrase or a touch. An SSH signature is verified
  /// before it is returned. Errors: kUnavailable (the program failed or is missing).
  [[nodiscard]] Result<UserSignature> sign(const Environment& environment, std::string_view message,
                                           std::string_view signature_namespace) const;

  [[nodiscard]] GitSignatureFormat format() const { return format_; }
  /// For people: the file or key id.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  UserKey(GitSignatureFormat format, std::string name) : format_(format), name_(std::move(name)) {}

  [[nodiscard]] Result<UserSignature> sign_ssh(const Environment& environment,
                                               std::string_view message,
                                               std::string_view signature_namespace) const;
  [[nodiscard]] Result<UserSignature> sign_openpgp(const Environment& environment,
                                                   std::string_view message) const;

  GitSignatureFormat format_;
  std::string name_;          // path, or OpenPGP key
  std::string ssh_key_line_;  // not empty: the key is in the agent
};

}  // namespace statehouse
