#include "crypto/signed_note.h"

#include <algorithm>
#include <array>
#include <optional>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

constexpr std::string_view kSignaturePrefix = "\xe2\x80\x94 ";  // em dash, space
constexpr std::size_t kKeyIdBytes = 4;
constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kNameBytesMax = 1024;
constexpr std::int64_t kUnixSecondsMax = 253'402'300'799;  // the end of year 9999

// Unicode's White_Space beyond ASCII, in UTF-8.
constexpr std::array<std::string_view, 19> kUnicodeSpaces = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading a signed note: " + std::move(cause));
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || !is_valid_utf8(name)) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '+') return false;
  }
  return std::ranges::none_of(
      kUnicodeSpaces, [&](std::string_view space) { return name.find(space) != name.npos; });
}

bool is_note_bytes(std::string_view bytes) {
  return is_valid_utf8(bytes) && std::ranges::none_of(bytes, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 && c != '\n';
         });
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string big_endian(std::uint64_t value, std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t i = count; i-- > 0; value >>= 8) bytes[i] = static_cast<char>(value);
  return bytes;
}

/// The type byte and the key, as in key ids and vkeys.
std::string typed_key(NoteKeyType type, const Ed25519PublicKey& key) {
  return static_cast<char>(type) + std::string(key.bytes());
}

std::string cosigned_message(std::string_view text, std::int64_t unix_seconds) {
  return "cosignature/v1\ntime " + std::to_string(unix_seconds) + "\n" + std::string(text);
}

std::string line_for(const NoteKey& key, std::string_view signature) {
  return std::string(kSignaturePrefix) + key.name() + " " +
         base64_encode(big_endian(key.key_id(), kKeyIdBytes).append(signature)) + "\n";
}

Result<UnverifiedNote::Signature> parse_signature_line(std::string_view line) {
  UnverifiedNote::Signature signature;
  signature.line = std::string(line);
  if (!line.starts_with(kSignaturePrefix)) return malformed("a signature line has no em dash");
  line.remove_prefix(kSignaturePrefix.size());
  const std::size_t space = line.find(' ');
  if (space == line.npos || !is_name(line.substr(0, space))) {
    return malformed("a signature line has no good name");
  }
  signature.name = std::string(line.substr(0, space));
  const Result<std::string> bytes = base64_decode(line.substr(space + 1));
  if (!bytes || bytes->size() <= kKeyIdBytes) return malformed("a signature line has no signature");
  signature.key_id = static_cast<std::uint32_t>(big_endian(bytes->substr(0, kKeyIdBytes)));
  signature.bytes = bytes->substr(kKeyIdBytes);
  return signature;
}

/// The cosignature's time; none when it does not hold.
std::optional<Timestamp> check_cosignature(const NoteKey& key, std::string_view text,
                                           std::string_view bytes) {
  if (bytes.size() != kTimeBytes + Ed25519PublicKey::kSignatureBytes) return std::nullopt;
  const std::uint64_t seconds = big_endian(bytes.substr(0, kTimeBytes));
  if (seconds > static_cast<std::uint64_t>(kUnixSecondsMax)) return std::nullopt;
  const auto unix_seconds = static_cast<std::int64_t>(seconds);
  if (!key.public_key().verify(cosigned_message(text, unix_seconds), bytes.substr(kTimeBytes))) {
    return std::nullopt;
  }
  return Timestamp::from_unix_seconds(unix_seconds);
}

/// Who made this good signature; an error when it does not hold.
Result<VerifiedNote::By> check(const NoteKey& key, std::string_view text, std::string_view bytes) {
  const auto bad = [&] {
    return unverified("verifying a signed note: the signature of `" +
                      escape_for_message(key.name()) + "` does not hold");
  };
  if (key.type() == NoteKeyType::kEd25519Cosignature) {
    const std::optional<Timestamp> time = check_cosignature(key, text, bytes);
    if (!time) return bad();
    return VerifiedNote::By{key, time};
  }
  if (!key.public_key().verify(text, bytes)) return bad();
  return VerifiedNote::By{key, std::nullopt};
}

}  // namespace

NoteKey::NoteKey(std::string name, NoteKeyType type, const Ed25519PublicKey& key)
    : name_(std::move(name)), type_(type), key_(key) {
  const std::string digest = sha256(name_ + "\n" + typed_key(type_, key_));
  key_id_ = static_cast<std::uint32_t>(big_endian(std::string_view(digest).substr(0, kKeyIdBytes)));
}

Result<NoteKey> NoteKey::create(std::string_view name, NoteKeyType type,
                                const Ed25519PublicKey& key) {
  if (!is_name(name)) {
    return invalid_argument("`" + escape_for_message(name) +
                            "` cannot name a note key: no white space, no `+`");
  }
  return NoteKey(std::string(name), type, key);
}

Result<NoteKey> NoteKey::parse_vkey(std::string_view vkey) {
  const auto bad = [] {
    return invalid_argument("reading a verifier key: not <name>+<8 hexadecimal digits>+<base64>");
  };
  const std::size_t first = vkey.find('+');
  if (first == vkey.npos) return bad();
  const std::size_t second = vkey.find('+', first + 1);
  if (second != first + 1 + 2 * kKeyIdBytes) return bad();
  const Result<std::string> id = hex_decode(vkey.substr(first + 1, 2 * kKeyIdBytes));
  const Result<std::string> typed = base64_decode(vkey.substr(second + 1));
  if (!id || !typed || typed->empty()) return bad();
  const auto type = static_cast<NoteKeyType>((*typed)[0]);
  if (type != NoteKeyType::kEd25519 && type != NoteKeyType::kEd25519Cosignature) {
    return unverified("reading a verifier key: unsupported type of key");
  }
  const Ed25519PublicKey bytes =
      TRY_WITH("reading a verifier key", Ed25519PublicKey::from_bytes(typed->substr(1)));
  NoteKey key = TRY(create(vkey.substr(0, first), type, bytes));
  if (key.key_id() != big_endian(*id)) {
    return invalid_argument("reading a verifier key: its id does not belong to its name and key");
  }
  return key;
}

std::string NoteKey::vkey() const {
  return name_ + "+" + hex_encode(big_endian(key_id_, kKeyIdBytes)) + "+" +
         base64_encode(typed_key(type_, key_));
}

Result<UnverifiedNote> parse_note(std::string_view note) {
  if (note.size() > limits::kNoteBytesMax) return malformed("it is too long");
  if (!is_note_bytes(note)) return malformed("it is not plain UTF-8 text");
  if (!note.ends_with('\n')) return malformed("it does not end in a line end");
  const std::size_t blank = note.rfind("\n\n");
  if (blank == note.npos) return malformed("there is no blank line before its signatures");
  UnverifiedNote parsed;
  parsed.text = std::string(note.substr(0, blank + 1));
  for (std::string_view rest = note.substr(blank + 2); !rest.empty();) {
    if (parsed.signatures.size() == limits::kNoteSignaturesMax) {
      return malformed("it has too many signatures");
    }
    const std::size_t end = rest.find('\n');
    UnverifiedNote::Signature signature = TRY(parse_signature_line(rest.substr(0, end)));
    parsed.signatures.push_back(std::move(signature));
    rest.remove_prefix(end + 1);
  }
  if (parsed.signatures.empty()) return malformed("it has no signatures");
  return parsed;
}

Result<VerifiedNote> open_note(std::string_view note, const std::vector<NoteKey>& known) {
  UnverifiedNote parsed = TRY(parse_note(note));
  VerifiedNote verified;
  std::vector<const NoteKey*> seen;
  for (const UnverifiedNote::Signature& signature : parsed.signatures) {
    for (const NoteKey& key : known) {
      if (key.name() != signature.name || key.key_id() != signature.key_id) continue;
      VerifiedNote::By by = TRY(check(key, parsed.text, signature.bytes));
      if (std::ranges::find(seen, &key) != seen.end()) continue;
      seen.push_back(&key);
      verified.signed_by_.push_back(std::move(by));
    }
  }
  if (verified.signed_by_.empty()) {
    return unverified("verifying a signed note: no signature by a known key");
  }
  verified.text_ = std::move(parsed.text);
  return verified;
}

Result<NoteSigner> NoteSigner::create(std::string_view name, Ed25519SecretKey key) {
  NoteKey note_key = TRY(NoteKey::create(name, NoteKeyType::kEd25519, key.public_key()));
  return NoteSigner(std::move(note_key), std::move(key));
}

std::string NoteSigner::signature_line(std::string_view text) const {
  return line_for(key_, secret_.sign(text));
}

Result<std::string> sign_note(std::string_view text, const NoteSigner& signer) {
  if (!text.ends_with('\n') || !is_note_bytes(text)) {
    return invalid_argument("signing a note: its text is not plain UTF-8 lines");
  }
  return std::string(text) + "\n" + signer.signature_line(text);
}

Result<std::string> cosignature_line(std::string_view text, std::string_view name,
                                     const Ed25519SecretKey& secret, Timestamp time) {
  const NoteKey key =
      TRY(NoteKey::create(name, NoteKeyType::kEd25519Cosignature, secret.public_key()));
  if (time.unix_ms() < 0) return invalid_argument("cosigning a note: the time is before 1970");
  const std::string signature = secret.sign(cosigned_message(text, time.unix_seconds()));
  return line_for(
      key, big_endian(static_cast<std::uint64_t>(time.unix_seconds()), kTimeBytes) + signature);
}

}  // namespace statehouse
