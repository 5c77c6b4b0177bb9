#include "store/keys/key_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "crypto/base/encoding.h"
#include "crypto/openpgp.h"
#include "crypto/ssh_key.h"
#include "crypto/sshsig.h"
#include "crypto/trust.h"

namespace statehouse {

namespace {

constexpr std::uint64_t kKeyFileBytesMax = 16 << 10;

/// Text that is wiped when it goes out of scope.
class SecretText {
 public:
  explicit SecretText(std::string text) : text_(std::move(text)) {}
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe_secret(text_); }

  [[nodiscard]] const std::string& str() const { return text_; }

 private:
  std::string text_;
};

/// Errors: kDenied unless `path` is ours, of type `type`, and nobody else may touch it.
Result<> require_private(const Path& path, mode_t type) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    return std::unexpected(errno_error("opening key " + path.filename().string(), errno));
  }
  const std::string name = path.filename().string();
  if ((status.st_mode & S_IFMT) != type) {
    return denied("opening the keys: " + name + " is of the wrong kind");
  }
  if (status.st_uid != ::geteuid()) {
    return denied("opening the keys: " + name + " belongs to somebody else");
  }
  const bool exact =
      type == S_IFDIR ? (status.st_mode & 07777) == 0700 : (status.st_mode & 07777) == 0600;
  if (exact) return {};
  return denied("opening the keys: others may have read " + name,
                type == S_IFDIR ? "replace the keys, or chmod 0700" : "replace it, or chmod 0600");
}

Result<> write_key(const Path& directory, const std::string& name, const SecretText& text,
                   DurableSteps& steps) {
  return write_file_durably(directory / name, text.str(), 0600, steps, "keys." + name);
}

SecretText seed_text(const Ed25519SecretKey& key) {
  const SecretText seed(key.reveal_secret_seed());
  return SecretText(base64_encode(seed.str()) + "\n");
}

Result<Ed25519SecretKey> read_seed(const Path& directory, const std::string& name) {
  const Path path = directory / name;
  TRY(require_private(path, S_IFREG));
  const SecretText text(TRY(read_file(path, kKeyFileBytesMax)));
  const std::string_view line = text.str();
  if (!line.ends_with('\n')) return corrupt("reading the key " + name + ": it is cut off");
  auto decoded = base64_decode(line.substr(0, line.size() - 1));
  if (!decoded) return corrupt("reading the key " + name + ": it is not base64");
  const SecretText seed(*std::move(decoded));
  auto key = Ed25519SecretKey::from_seed(seed.str());
  if (!key) return corrupt("reading the key " + name + ": " + key.error().message);
  return key;
}

Result<Ed25519SecretKey> read_sealing_key(const Path& directory) {
  const Path path = directory / "sealing-ssh";
  TRY(require_private(path, S_IFREG));
  const SecretText text(TRY(read_file(path, kKeyFileBytesMax)));
  auto key = parse_openssh_private_key(text.str());
  if (!key) return corrupt("reading the key sealing-ssh: " + key.error().message);
  return key;
}

/// "example.com/store" -> "Statehouse <statehouse@example.com>"
std::string sealing_user_id(std::string_view origin) {
  return "Statehouse <statehouse@" + std::string(origin.substr(0, origin.find('/'))) + ">";
}

Result<> sync_tree(const Path& directory) {
  const std::vector<std::string> names = TRY(list_directory(directory));
  for (const std::string& name : names) {
    const Path path = directory / name;
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) continue;  // an agent's socket that went away
    if (S_ISDIR(status.st_mode)) TRY(sync_tree(path));
    if (S_ISREG(status.st_mode)) TRY(sync_file(path));
  }
  return sync_directory(directory);
}

}  // namespace

struct KeyStore::Impl {
  Path directory;
  Ed25519SecretKey log;
  Ed25519SecretKey statements;
  Ed25519SecretKey attestations;
  Ed25519SecretKey sealing_ssh;
  OpenPgpSigner sealing_openpgp;
  SealingPublicKeys public_keys;
};

KeyStore::KeyStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyStore::~KeyStore() = default;

Result<std::unique_ptr<KeyStore>> KeyStore::create(const Path& directory, std::string_view origin,
                                                   const Entropy& entropy, DurableSteps& steps) {
  TRY_WITH("making the keys", create_directory_durably(directory));
  for (const char* name : {"log", "statements", "attestations"}) {
    TRY(write_key(directory, name, seed_text(Ed25519SecretKey::generate(entropy)), steps));
  }
  const std::string user_id = sealing_user_id(origin);
  const std::string comment = "statehouse-seal@" + std::string(origin);
  const SecretText sealing(
      format_openssh_private_key(Ed25519SecretKey::generate(entropy), comment, entropy));
  TRY(write_key(directory, "sealing-ssh", sealing, steps));
  {
    const OpenPgpSigner signer =
        TRY_WITH("making the keys", OpenPgpSigner::generate(directory / "openpgp", user_id));
  }
  TRY(durable_step(steps, "keys.openpgp.sync", [&] { return sync_tree(directory / "openpgp"); }));
  const SecretText root(format_root_key_file(origin, Ed25519SecretKey::generate(entropy)));
  TRY(write_key(directory, "root", root, steps));
  TRY(sync_directory(directory));
  return open(directory);
}

Result<std::unique_ptr<KeyStore>> KeyStore::open(const Path& directory) {
  TRY(require_private(directory, S_IFDIR));
  TRY(require_private(directory / "openpgp", S_IFDIR));
  Ed25519SecretKey log = TRY(read_seed(directory, "log"));
  Ed25519SecretKey statements = TRY(read_seed(directory, "statements"));
  Ed25519SecretKey attestations = TRY(read_seed(directory, "attestations"));
  Ed25519SecretKey sealing = TRY(read_sealing_key(directory));
  OpenPgpSigner openpgp = TRY(OpenPgpSigner::open(directory / "openpgp"));
  const SshPublicKey ssh = SshPublicKey::from_ed25519(sealing.public_key());
  SealingPublicKeys public_keys{openpgp.fingerprint(), "", ssh.fingerprint(), ssh.line()};
  public_keys.openpgp_public_key = TRY(openpgp.export_public_key());
  return std::unique_ptr<KeyStore>(new KeyStore(std::make_unique<Impl>(
      Impl{directory, std::move(log), std::move(statements), std::move(attestations),
           std::move(sealing), std::move(openpgp), std::move(public_keys)})));
}

const Ed25519SecretKey& KeyStore::log_key() const { return impl_->log; }
const Ed25519SecretKey& KeyStore::statement_key() const { return impl_->statements; }
const Ed25519SecretKey& KeyStore::attestation_key() const { return impl_->attestations; }
const SealingPublicKeys& KeyStore::sealing_public_keys() const { return impl_->public_keys; }

Result<std::string> KeyStore::seal(std::string_view payload, SealFormat format) const {
  switch (format) {
    case SealFormat::kOpenPgp:
      return impl_->sealing_openpgp.sign(payload);
    case SealFormat::kSsh:
      return sign_sshsig(payload, kSshNamespaceGit, impl_->sealing_ssh);
  }
  return internal_error("sealing: no such format");
}

bool KeyStore::root_key_present() const {
  return ::access(root_key_path(impl_->directory).c_str(), F_OK) == 0;
}

}  // namespace statehouse
