#include "crypto/base/encoding.h"
#include "crypto/ssh_key.h"
#include "crypto/ssh_wire.h"

namespace statehouse {

namespace {

// OpenSSH PROTOCOL.key. Secrets pass through several strings here; each is wiped by a guard.

constexpr std::string_view kHeader = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
constexpr std::string_view kFooter = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view kMagic{"openssh-key-v1\0", 15};
constexpr std::size_t kLineCharacters = 70;
constexpr std::size_t kBlockBytes = 8;  // cipher "none"
constexpr std::size_t kFileBytesMax = 64U << 10;

class WipedString {
 public:
  explicit WipedString(std::string text) : text_(std::move(text)) {}
  WipedString(const WipedString&) = delete;
  WipedString& operator=(const WipedString&) = delete;
  ~WipedString() { wipe_secret(text_); }
  [[nodiscard]] std::string& get() { return text_; }

 private:
  std::string text_;
};

std::unexpected<Error> malformed(std::string cause, std::string fix = {}) {
  return invalid_argument("reading an OpenSSH private key: " + std::move(cause), std::move(fix));
}

/// The base64 between header and footer with its line ends removed.
Result<std::string> armored_body(std::string_view file) {
  if (file.size() > kFileBytesMax || !file.starts_with(kHeader)) {
    return malformed("no OPENSSH PRIVATE KEY header");
  }
  file.remove_prefix(kHeader.size());
  const std::size_t end = file.find(kFooter);
  if (end == file.npos) return malformed("no footer");
  const std::string_view rest = file.substr(end + kFooter.size());
  if (!rest.empty() && rest != "\n") return malformed("text follows the footer");
  std::string body;
  body.reserve(end);
  for (const char c : file.substr(0, end)) {
    if (c != '\n') body.push_back(c);
  }
  return body;
}

struct Envelope {
  std::string_view public_blob;
  std::string_view section;  // private
};

/// The fields before the private section, and that section.
Result<Envelope> read_envelope(SshWireReader& reader) {
  const std::string_view magic = TRY(reader.raw(kMagic.size()));
  if (magic != kMagic) return malformed("wrong magic");
  const std::string_view cipher = TRY(reader.string());
  const std::string_view kdf = TRY(reader.string());
  if (cipher != "none" || kdf != "none") {
    return malformed("it is protected by a passphrase", "use ssh-agent, or a key without one");
  }
  const std::string_view kdf_options = TRY(reader.string());
  const std::uint32_t count = TRY(reader.uint32());
  if (!kdf_options.empty() || count != 1) return malformed("not exactly one key");
  const std::string_view public_blob = TRY(reader.string());
  const std::string_view section = TRY(reader.string());
  TRY(reader.require_end());
  return Envelope{public_blob, section};
}

/// The private section: check numbers, one Ed25519 key, comment, padding 1, 2, 3…
Result<Ed25519SecretKey> read_section(std::string_view section) {
  SshWireReader reader(section);
  const std::uint32_t check = TRY(reader.uint32());
  const std::uint32_t check_again = TRY(reader.uint32());
  if (check != check_again) return malformed("its check numbers differ");
  const std::string_view type = TRY(reader.string());
  if (type != "ssh-ed25519") {
    return malformed("`" + escape_for_message(type, 64) + "` is not an Ed25519 key");
  }
  const std::string_view public_bytes = TRY(reader.string());
  const std::string_view secret_bytes = TRY(reader.string());
  TRY(reader.string());  // comment
  for (std::uint8_t expected = 1; !reader.at_end(); ++expected) {
    const std::uint8_t padding = TRY(reader.byte());
    if (padding != expected || expected >= kBlockBytes) return malformed("bad padding");
  }
  if (secret_bytes.size() != 64) return malformed("the secret is not 64 bytes");
  Ed25519SecretKey key = TRY(Ed25519SecretKey::from_seed(secret_bytes.substr(0, 32)));
  if (key.public_key().bytes() != public_bytes || secret_bytes.substr(32) != public_bytes) {
    return malformed("its public and secret halves do not belong together");
  }
  return key;
}

}  // namespace

Result<Ed25519SecretKey> parse_openssh_private_key(std::string_view file) {
  std::string armored = TRY(armored_body(file));
  WipedString body(std::move(armored));
  std::string decoded = TRY_WITH("reading an OpenSSH private key", base64_decode(body.get()));
  WipedString bytes(std::move(decoded));
  SshWireReader reader(bytes.get());
  const Envelope envelope = TRY(read_envelope(reader));
  Ed25519SecretKey key = TRY(read_section(envelope.section));
  if (SshPublicKey::from_ed25519(key.public_key()).blob() != envelope.public_blob) {
    return malformed("its public and secret halves do not belong together");
  }
  return key;
}

std::string format_openssh_private_key(const Ed25519SecretKey& key, std::string_view comment,
                                       const Entropy& entropy) {
  const std::string check = entropy.bytes(4);
  WipedString secret(key.reveal_secret_seed());
  secret.get().append(key.public_key().bytes());

  WipedString section(check + check);
  section.get().reserve(512 + comment.size());
  append_ssh_string(section.get(), "ssh-ed25519");
  append_ssh_string(section.get(), key.public_key().bytes());
  append_ssh_string(section.get(), secret.get());
  append_ssh_string(section.get(), comment);
  for (char padding = 1; section.get().size() % kBlockBytes != 0; ++padding) {
    section.get().push_back(padding);
  }

  WipedString blob{std::string(kMagic)};
  blob.get().reserve(1024 + comment.size());
  append_ssh_string(blob.get(), "none");
  append_ssh_string(blob.get(), "none");
  append_ssh_string(blob.get(), "");
  append_ssh_uint32(blob.get(), 1);
  append_ssh_string(blob.get(), SshPublicKey::from_ed25519(key.public_key()).blob());
  append_ssh_string(blob.get(), section.get());

  WipedString body(base64_encode(blob.get()));
  std::string file(kHeader);
  file.reserve(2048 + 2 * body.get().size());
  for (std::size_t i = 0; i < body.get().size(); i += kLineCharacters) {
    file.append(body.get(), i, kLineCharacters).push_back('\n');
  }
  return file.append(kFooter).append("\n");
}

}  // namespace statehouse
