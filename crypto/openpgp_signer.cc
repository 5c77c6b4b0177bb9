#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include "crypto/base/encoding.h"
#include "crypto/gpgme_context.h"
#include "crypto/openpgp.h"

namespace statehouse {

namespace {

constexpr std::string_view kOptions =
    "no-auto-key-retrieve\n"
    "no-auto-key-locate\n"
    "no-auto-check-trustdb\n"
    "trust-model always\n"
    "personal-digest-preferences SHA512 SHA256\n"
    "cert-digest-algo SHA512\n";

// The agent's sockets live in the home; sun_path holds 108 bytes, their names take up to 25.
constexpr std::size_t kHomeBytesMax = 80;
constexpr std::size_t kUserIdBytesMax = 200;
constexpr int kAttemptsMax = 10;
constexpr std::chrono::milliseconds kAttemptsApart{100};

std::unexpected<Error> failure(std::string_view doing, gpgme_error_t error) {
  return std::unexpected(gpgme_failure(doing, error, ErrorCode::kInternal));
}

Result<> check_user_id(std::string_view user_id) {
  const bool clean = std::ranges::none_of(
      user_id, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (user_id.size() < 5 || user_id.size() > kUserIdBytesMax || !clean || !is_valid_utf8(user_id)) {
    return invalid_argument("making an OpenPGP key: the user id cannot be used");
  }
  return {};
}

/// `home` by a path that is short enough for a socket: itself, or through a link below /tmp.
struct ShortHome {
  Path path;
  std::optional<TemporaryDirectory> link_directory;
};

Result<ShortHome> shorten(const Path& home) {
  if (home.string().size() <= kHomeBytesMax) return ShortHome{home, std::nullopt};
  TemporaryDirectory directory = TRY(TemporaryDirectory::create("/tmp", "sth-gpg-"));
  const Path link = directory.path() / "h";
  std::error_code error;
  std::filesystem::create_directory_symlink(home, link, error);
  if (error) {
    return std::unexpected(errno_error("linking to the GnuPG home", error.value()));
  }
  return ShortHome{link, std::move(directory)};
}

Result<> create_key(const Path& home, std::string_view user_id) {
  const GpgmeContext context = TRY(GpgmeContext::open(home));
  const gpgme_error_t error = gpgme_op_createkey(
      context.get(), std::string(user_id).c_str(), "ed25519", 0, 0, nullptr,
      GPGME_CREATE_SIGN | GPGME_CREATE_NOPASSWD | GPGME_CREATE_NOEXPIRE | GPGME_CREATE_FORCE);
  if (error != 0) return failure("making an OpenPGP key", error);
  return {};
}

/// The secret keys in `home`. An agent that is just ending (of a server that stopped a moment ago,
/// say) answers that there are none; so does none but the next one, which gpg starts by itself.
Result<std::vector<GpgmeKey>> list_secret_keys(const Path& home) {
  const GpgmeContext context = TRY(GpgmeContext::open(home));
  for (int attempt = 1;; ++attempt) {
    std::vector<GpgmeKey> keys = TRY(context.list_keys(GpgmeContext::Which::kSecret));
    if (!keys.empty() || attempt == kAttemptsMax) return keys;
    std::this_thread::sleep_for(kAttemptsApart);
  }
}

}  // namespace

struct OpenPgpSigner::State {
  explicit State(ShortHome short_home) : home(std::move(short_home)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { end_gpg_agent(home.path); }

  // Constant after construction.
  ShortHome home;
  std::string fingerprint;
  // One gpg at a time talks to the agent.
  std::mutex mutex;
};

OpenPgpSigner::OpenPgpSigner(std::unique_ptr<State> state) : state_(std::move(state)) {}
OpenPgpSigner::OpenPgpSigner(OpenPgpSigner&&) noexcept = default;
OpenPgpSigner& OpenPgpSigner::operator=(OpenPgpSigner&&) noexcept = default;
OpenPgpSigner::~OpenPgpSigner() = default;

Result<OpenPgpSigner> OpenPgpSigner::generate(const Path& home, std::string_view user_id) {
  TRY(check_user_id(user_id));
  TRY(make_gpg_home(home, kOptions));
  ShortHome short_home = TRY(shorten(home));
  auto state = std::make_unique<State>(std::move(short_home));
  TRY(create_key(state->home.path, user_id));
  return with_key(std::move(state));
}

Result<OpenPgpSigner> OpenPgpSigner::open(const Path& home) {
  std::error_code ignored;
  if (!home.is_absolute() || !std::filesystem::is_directory(home, ignored)) {
    return not_found("opening the OpenPGP sealing key: no directory " + home.string());
  }
  ShortHome short_home = TRY(shorten(home));
  return with_key(std::make_unique<State>(std::move(short_home)));
}

Result<OpenPgpSigner> OpenPgpSigner::with_key(std::unique_ptr<State> state) {
  const std::vector<GpgmeKey> keys = TRY(list_secret_keys(state->home.path));
  if (keys.size() != 1) {
    return corrupt("opening the OpenPGP sealing key: " + std::to_string(keys.size()) +
                   " secret keys in " + state->home.path.string());
  }
  const OpenPgpKeyInfo info = TRY(describe_key(keys[0].get()));
  state->fingerprint = info.fingerprint;
  return OpenPgpSigner(std::move(state));
}

const std::string& OpenPgpSigner::fingerprint() const { return state_->fingerprint; }

Result<std::string> OpenPgpSigner::export_public_key() const {
  const std::lock_guard lock(state_->mutex);
  const GpgmeContext context = TRY(GpgmeContext::open(state_->home.path));
  GpgmeData output = TRY(gpgme_output());
  const gpgme_error_t error = gpgme_op_export(context.get(), state_->fingerprint.c_str(),
                                              GPGME_EXPORT_MODE_MINIMAL, output.get());
  if (error != 0) return failure("exporting the OpenPGP sealing key", error);
  std::string armored = take_gpgme_output(std::move(output));
  if (armored.empty()) return corrupt("exporting the OpenPGP sealing key: gpg wrote nothing");
  return armored;
}

Result<std::string> OpenPgpSigner::sign(std::string_view payload) const {
  const std::lock_guard lock(state_->mutex);
  Result<std::string> signature = sign_once(payload);
  // Somebody may have ended the agent; gpg starts another one.
  if (!signature) signature = sign_once(payload);
  return signature;
}

Result<std::string> OpenPgpSigner::sign_once(std::string_view payload) const {
  constexpr std::string_view kDoing = "signing with the OpenPGP sealing key";
  const GpgmeContext context = TRY(GpgmeContext::open(state_->home.path));
  gpgme_key_t raw_key = nullptr;
  gpgme_error_t error =
      gpgme_get_key(context.get(), state_->fingerprint.c_str(), &raw_key, /*secret=*/1);
  const GpgmeKey key(raw_key);
  if (error == 0) error = gpgme_signers_add(context.get(), key.get());
  if (error != 0) return failure(kDoing, error);
  const GpgmeData input = TRY(gpgme_input(payload));
  GpgmeData output = TRY(gpgme_output());
  error = gpgme_op_sign(context.get(), input.get(), output.get(), GPGME_SIG_MODE_DETACH);
  if (error != 0) return failure(kDoing, error);
  const gpgme_sign_result_t result = gpgme_op_sign_result(context.get());
  const bool one = result != nullptr && result->invalid_signers == nullptr &&
                   result->signatures != nullptr && result->signatures->next == nullptr &&
                   state_->fingerprint == result->signatures->fpr;
  if (!one) return internal_error(std::string(kDoing) + ": gpg did not make exactly one signature");
  return take_gpgme_output(std::move(output));
}

}  // namespace statehouse
