#include "cli/user_signer.h"

#include <fcntl.h>

#include <sstream>

#include "cli/clone.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/base/subprocess.h"
#include "crypto/sshsig.h"

namespace statehouse {
namespace {

constexpr std::uint64_t kKeyFileBytesMax = 1U << 20;
constexpr std::size_t kFingerprintDigits = 40;

/// Runs one of the person's own programs, with their environment and their terminal.
Result<SubprocessResult> run_user_program(const Environment& environment,
                                          std::vector<std::string> arguments,
                                          std::string_view input) {
  SubprocessOptions options;
  options.arguments = std::move(arguments);
  options.environment = user_environment(environment);
  options.working_directory = environment.working_directory;
  options.terminal = TerminalAccess::kCallers;
  options.stdin_bytes = std::string(input);
  options.stdout_bytes_max = limits::kSignatureBytesMax;
  return run_subprocess(options);
}

/// The program's last line on standard error. OpenSSH ends its lines with CR LF.
std::string last_words(const SubprocessResult& result) {
  std::istringstream lines(result.stderr_bytes);
  std::string last = "it failed";
  for (std::string line; std::getline(lines, line);) {
    while (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !line.starts_with("[GNUPG:]")) last = line;
  }
  return escape_for_message(last);
}

/// The word after `prefix` at the given place of gpg's status or colon output.
std::string field_of(const std::string& text, const std::string& prefix, char separator,
                     std::size_t index) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(prefix)) continue;
    std::istringstream fields(line);
    std::string field;
    for (std::size_t i = 0; i <= index; ++i) {
      if (!std::getline(fields, field, separator)) return "";
    }
    return field;
  }
  return "";
}

/// What a second try may mend: a passphrase typed wrong, a token not touched, an agent that asks.
/// Everything else means that there is no key to sign with here.
bool is_worth_a_retry(std::string_view ssh_keygen_said) {
  return ssh_keygen_said.find("passphrase") != std::string_view::npos ||
         ssh_keygen_said.starts_with("Signing ");
}

Error ssh_keygen_error(const std::string& doing, const SubprocessResult& result) {
  const std::string said = last_words(result);
  if (is_worth_a_retry(said)) {
    return {ErrorCode::kUnavailable, doing + ": ssh-keygen: " + said,
            "try again: type the passphrase, touch the key, or confirm it in the agent"};
  }
  return {ErrorCode::kNotFound, doing + ": ssh-keygen: " + said,
          "load the key into the agent (ssh-add), have its private file beside the public one, or "
          "name another: --key FILE"};
}

bool is_ssh_public_line(std::string_view text) {
  return text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-");
}

}  // namespace

Result<UserKey> UserKey::choose(const Environment& environment,
                                const std::optional<std::string>& given) {
  std::string name = given.value_or("");
  if (!given) {
    const auto setting =
        TRY(ask_user_git(environment.working_directory, user_environment(environment),
                         {"config", "--type=path", "--get", "user.signingkey"}));
    name = setting.value_or("");
  }
  if (name.empty()) {
    return invalid_argument("choosing a key: none is given, and git has no user.signingkey",
                            "give --key FILE");
  }
  if (name.starts_with('-')) {
    return invalid_argument("choosing a key: \"" + escape_for_message(name) + "\" is not one",
                            "give --key FILE, or the fingerprint of an OpenPGP key");
  }
  const std::string literal = name.starts_with("key::") ? name.substr(5) : name;
  if (is_ssh_public_line(literal) && literal.find(' ') != std::string::npos) {
    UserKey key(GitSignatureFormat::kSsh, "the agent's " + literal.substr(0, literal.find(' ')));
    key.ssh_key_line_ = literal;
    return key;
  }
  const Path path = Path(name).is_absolute() ? Path(name) : environment.working_directory / name;
  const auto content = read_file(path, kKeyFileBytesMax);
  if (content &&
      (content->starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") ||
       content->starts_with("-----BEGIN RSA PRIVATE KEY-----") ||
       content->starts_with("-----BEGIN EC PRIVATE KEY-----") ||
       content->starts_with("-----BEGIN PRIVATE KEY-----") || is_ssh_public_line(*content))) {
    return UserKey(GitSignatureFormat::kSsh, path.string());
  }
  if (content) {
    return invalid_argument(
        "choosing a key: " + escape_for_message(path.string()) + " holds no SSH key",
        "for OpenPGP give the key's fingerprint");
  }
  if (name.find('/') != std::string::npos) {
    return not_found("choosing a key: there is no file " + escape_for_message(path.string()),
                     "name the key's file, the private or the public one: --key FILE");
  }
  return UserKey(GitSignatureFormat::kOpenPgp, name);
}

Result<UserSignature> UserKey::sign(const Environment& environment, std::string_view message,
                                    std::string_view signature_namespace) const {
  return format_ == GitSignatureFormat::kSsh ? sign_ssh(environment, message, signature_namespace)
                                             : sign_openpgp(environment, message);
}

Result<UserSignature> UserKey::sign_ssh(const Environment& environment, std::string_view message,
                                        std::string_view signature_namespace) const {
  const std::string doing = "signing with " + escape_for_message(name_);
  std::vector<std::string> arguments{
      "ssh-keygen", "-Y", "sign", "-n", std::string(signature_namespace), "-f"};
  std::optional<TemporaryDirectory> scratch;
  if (ssh_key_line_.empty()) {
    arguments.push_back(name_);
  } else {
    scratch =
        TRY(TemporaryDirectory::create(std::filesystem::temp_directory_path(), "statehouse-"));
    const Path file = scratch->path() / "key.pub";
    FileDescriptor out = TRY(open_file(file, O_CREAT | O_EXCL | O_WRONLY));
    TRY(write_all(out.get(), ssh_key_line_ + "\n"));
    arguments.insert(arguments.end(), {file.string(), "-U"});
  }
  SubprocessResult result =
      TRY_WITH(doing, run_user_program(environment, std::move(arguments), message));
  if (!result.succeeded()) return std::unexpected(ssh_keygen_error(doing, result));
  const SshSignatureVerified verified =
      TRY_WITH(doing, verify_ssh_signature(message, result.stdout_bytes, signature_namespace));
  return UserSignature{verified.key().fingerprint(), std::move(result.stdout_bytes),
                       GitSignatureFormat::kSsh};
}

Result<UserSignature> UserKey::sign_openpgp(const Environment& environment,
                                            std::string_view message) const {
  const std::string doing = "signing with OpenPGP key " + escape_for_message(name_);
  SubprocessResult result =
      TRY_WITH(doing, run_user_program(environment,
                                       {"gpg", "--status-fd", "2", "--digest-algo", "SHA512",
                                        "--local-user", name_, "--armor", "--detach-sign"},
                                       message));
  const std::string signing = field_of(result.stderr_bytes, "[GNUPG:] SIG_CREATED ", ' ', 7);
  if (result.stderr_bytes.find("[GNUPG:] INV_SGNR ") != std::string::npos) {
    return not_found(doing + ": gpg has no such secret key, and there is no such file",
                     "give --key a file, or see which keys there are: gpg --list-secret-keys");
  }
  if (!result.succeeded() || signing.empty()) {
    return unavailable(doing + ": gpg: " + last_words(result),
                       "see which keys there are: gpg --list-secret-keys");
  }
  const SubprocessResult listing = TRY_WITH(
      doing,
      run_user_program(environment, {"gpg", "--with-colons", "--list-secret-keys", signing}, ""));
  const std::string primary = field_of(listing.stdout_bytes, "fpr:", ':', 9);
  if (primary.size() != kFingerprintDigits) {
    return unavailable(doing + ": gpg does not say which key it used");
  }
  return UserSignature{primary, std::move(result.stdout_bytes), GitSignatureFormat::kOpenPgp};
}

}  // namespace statehouse
