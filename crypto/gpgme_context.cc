#include "crypto/gpgme_context.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "crypto/base/encoding.h"
#include "crypto/base/subprocess.h"

namespace statehouse {

namespace {

constexpr std::size_t kFingerprintDigits = 40;
constexpr std::size_t kUserIdsMax = 100;

/// Must come before any other call, in one thread; it also makes SIGPIPE ignored.
void require_gpgme() {
  static const char* const kVersion = gpgme_check_version("1.18.0");
  STATEHOUSE_ASSERT(kVersion != nullptr);
}

/// gpgme's times are unsigned longs; 0 means none.
std::optional<Timestamp> time_from(long seconds) {
  if (seconds <= 0) return std::nullopt;
  return Timestamp::from_unix_seconds(seconds);
}

std::string algorithm_name(gpgme_subkey_t subkey) {
  char* text = gpgme_pubkey_algo_string(subkey);
  std::string name = text == nullptr ? "unknown" : text;
  gpgme_free(text);
  return name;
}

}  // namespace

bool is_gpg_trouble(gpgme_error_t error) {
  const gpgme_err_code_t code = gpgme_err_code(error);
  return (code & GPG_ERR_SYSTEM_ERROR) != 0 || code == GPG_ERR_INV_ENGINE ||
         code == GPG_ERR_UNSUPPORTED_PROTOCOL || code == GPG_ERR_NO_AGENT || code == GPG_ERR_AGENT;
}

Error gpgme_failure(std::string_view doing, gpgme_error_t error, ErrorCode otherwise) {
  std::array<char, 256> text{};
  gpgme_strerror_r(error, text.data(), text.size() - 1);
  return {is_gpg_trouble(error) ? ErrorCode::kUnavailable : otherwise,
          std::string(doing) + ": " + escape_for_message(text.data()),
          {}};
}

Result<GpgmeContext> GpgmeContext::open(const Path& home) {
  constexpr std::string_view kDoing = "starting gpg";
  require_gpgme();
  gpgme_ctx_t raw = nullptr;
  const gpgme_error_t made = gpgme_new(&raw);
  GpgmeContext context(raw);
  if (made != 0) return std::unexpected(gpgme_failure(kDoing, made, ErrorCode::kUnavailable));
  gpgme_error_t error = gpgme_set_protocol(raw, GPGME_PROTOCOL_OpenPGP);
  if (error == 0) {
    error = gpgme_ctx_set_engine_info(raw, GPGME_PROTOCOL_OpenPGP, nullptr, home.c_str());
  }
  if (error == 0) error = gpgme_set_ctx_flag(raw, "auto-key-retrieve", "0");
  if (error == 0) error = gpgme_set_pinentry_mode(raw, GPGME_PINENTRY_MODE_ERROR);
  if (error != 0) return std::unexpected(gpgme_failure(kDoing, error, ErrorCode::kUnavailable));
  gpgme_set_offline(raw, 1);
  gpgme_set_armor(raw, 1);
  return context;
}

Result<std::vector<GpgmeKey>> GpgmeContext::list_keys(Which which) const {
  constexpr std::string_view kDoing = "listing OpenPGP keys";
  gpgme_set_keylist_mode(get(), GPGME_KEYLIST_MODE_LOCAL);
  gpgme_error_t error = gpgme_op_keylist_start(get(), nullptr, which == Which::kSecret ? 1 : 0);
  std::vector<GpgmeKey> keys;
  while (error == 0) {
    gpgme_key_t key = nullptr;
    error = gpgme_op_keylist_next(get(), &key);
    if (error == 0) keys.emplace_back(key);
  }
  gpgme_op_keylist_end(get());
  if (gpgme_err_code(error) != GPG_ERR_EOF) {
    return std::unexpected(gpgme_failure(kDoing, error, ErrorCode::kUnavailable));
  }
  return keys;
}

Result<GpgmeData> gpgme_input(std::string_view bytes) {
  require_gpgme();
  gpgme_data_t data = nullptr;
  const gpgme_error_t error =
      gpgme_data_new_from_mem(&data, bytes.data(), bytes.size(), /*copy=*/0);
  GpgmeData owner(data);
  if (error != 0) {
    return std::unexpected(gpgme_failure("giving gpg data", error, ErrorCode::kUnavailable));
  }
  return owner;
}

Result<GpgmeData> gpgme_output() {
  require_gpgme();
  gpgme_data_t data = nullptr;
  const gpgme_error_t error = gpgme_data_new(&data);
  GpgmeData owner(data);
  if (error != 0) {
    return std::unexpected(gpgme_failure("taking gpg's data", error, ErrorCode::kUnavailable));
  }
  return owner;
}

std::string take_gpgme_output(GpgmeData data) {
  std::size_t length = 0;
  char* bytes = gpgme_data_release_and_get_mem(data.release(), &length);
  std::string text = bytes == nullptr ? std::string() : std::string(bytes, length);
  gpgme_free(bytes);
  return text;
}

Result<> make_gpg_home(const Path& home, std::string_view options) {
  if (!home.is_absolute()) return invalid_argument("making a GnuPG home: the path is relative");
  if (::mkdir(home.c_str(), 0700) != 0) {
    return std::unexpected(errno_error("making the GnuPG home " + home.string(), errno));
  }
  const FileDescriptor file = TRY(open_file(home / "gpg.conf", O_WRONLY | O_CREAT | O_EXCL, 0600));
  return write_all(file.get(), options);
}

void end_gpg_agent(const Path& home) {
  SubprocessOptions options;
  options.arguments = {"gpgconf", "--homedir", home.string(), "--kill", "all"};
  options.environment = minimal_environment();
  options.time_max = std::chrono::seconds(10);
  // Best effort: an agent that is left over ends itself when its home is gone.
  static_cast<void>(run_subprocess(options));
}

Result<OpenPgpKeyInfo> describe_key(gpgme_key_t key) {
  OpenPgpKeyInfo info;
  for (gpgme_subkey_t subkey = key->subkeys; subkey != nullptr; subkey = subkey->next) {
    const std::string fingerprint = subkey->fpr == nullptr ? "" : subkey->fpr;
    if (fingerprint.size() != kFingerprintDigits) {
      return invalid_argument("reading an OpenPGP key: not a version 4 key");
    }
    info.subkeys.push_back({fingerprint, algorithm_name(subkey), subkey->can_sign != 0,
                            subkey->revoked != 0, subkey->expired != 0,
                            time_from(subkey->expires)});
  }
  if (info.subkeys.empty()) return invalid_argument("reading an OpenPGP key: it has no key");
  for (gpgme_user_id_t user = key->uids; user != nullptr && info.user_ids.size() < kUserIdsMax;
       user = user->next) {
    if (user->uid != nullptr) info.user_ids.emplace_back(user->uid);
  }
  info.fingerprint = info.subkeys[0].fingerprint;
  info.revoked = key->revoked != 0;
  info.expired = key->expired != 0;
  info.expires = info.subkeys[0].expires;
  return info;
}

}  // namespace statehouse
