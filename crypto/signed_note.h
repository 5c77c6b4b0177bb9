#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/ed25519.h"

namespace statehouse {

// C2SP signed notes (https://c2sp.org/signed-note) and Ed25519 cosignatures
// (https://c2sp.org/tlog-cosignature). Pure; threads: any.

/// How a note key signs. The value is the type byte in key ids and verifier keys.
enum class NoteKeyType : std::uint8_t {
  kEd25519 = 0x01,             ///< over the note's text
  kEd25519Cosignature = 0x04,  ///< over "cosignature/v1", a time and the note's text
};

/// A name with the key that may sign notes in that name. A value.
class NoteKey {
 public:
  /// Errors: kInvalidArgument for an empty name, or one with white space or `+` in it.
  static Result<NoteKey> create(std::string_view name, NoteKeyType type,
                                const Ed25519PublicKey& key);

  /// Reads `name+hex8+base64` and checks that the key id belongs to name and key.
  /// Errors: kInvalidArgument; kUnverified "unsupported …" for other key types.
  static Result<NoteKey> parse_vkey(std::string_view vkey);

  [[nodiscard]] std::string vkey() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] NoteKeyType type() const { return type_; }
  [[nodiscard]] const Ed25519PublicKey& public_key() const { return key_; }

  /// The first 4 bytes of SHA-256(name || LF || type || key). A hint, not an identity.
  [[nodiscard]] std::uint32_t key_id() const { return key_id_; }

 private:
  NoteKey(std::string name, NoteKeyType type, const Ed25519PublicKey& key);

  std::string name_;
  NoteKeyType type_;
  Ed25519PublicKey key_;
  std::uint32_t key_id_;
};

/// A note taken apart and NOT verified.
struct UnverifiedNote {
  struct Signature {
    std::string name;
    std::uint32_t key_id = 0;
    std::string bytes;  ///< after the key id
    std::string line;   ///< the whole line without its LF
  };
  std::string text;  ///< ends in LF
  std::vector<Signature> signatures;
};

/// Splits a note at its last blank line. At most limits::kNoteBytesMax bytes and
/// limits::kNoteSignaturesMax signatures, UTF-8, no control characters but LF.
/// Errors: kInvalidArgument.
Result<UnverifiedNote> parse_note(std::string_view note);

/// A note with at least one good signature by a known key. Only `open_note` makes one.
class VerifiedNote {
 public:
  struct By {
    NoteKey key;
    std::optional<Timestamp> time;  ///< when, for cosignatures
  };

  [[nodiscard]] const std::string& text() const { return text_; }

  /// Who signed, each known key at most once, in the order of the note.
  [[nodiscard]] const std::vector<By>& signed_by() const { return signed_by_; }

 private:
  friend Result<VerifiedNote> open_note(std::string_view note, const std::vector<NoteKey>& known);
  VerifiedNote() = default;

  std::string text_;
  std::vector<By> signed_by_;
};

/// Opens a note: signatures of unknown (name, key id) are ignored, a known key's must hold or the
/// whole note is refused, and at least one must be there.
/// Errors: kInvalidArgument (malformed), kUnverified.
Result<VerifiedNote> open_note(std::string_view note, const std::vector<NoteKey>& known);

/// Signs notes in one name with one Ed25519 key (type 0x01). Move-only.
class NoteSigner {
 public:
  static Result<NoteSigner> create(std::string_view name, Ed25519SecretKey key);

  [[nodiscard]] const NoteKey& key() const { return key_; }

  /// The signature line for `text`, with its LF.
  [[nodiscard]] std::string signature_line(std::string_view text) const;

 private:
  NoteSigner(NoteKey key, Ed25519SecretKey secret)
      : key_(std::move(key)), secret_(std::move(secret)) {}

  NoteKey key_;
  Ed25519SecretKey secret_;
};

/// `text`, a blank line and the signer's line.
/// Errors: kInvalidArgument when `text` cannot be a note's text (does not end in LF, control
/// characters, not UTF-8).
Result<std::string> sign_note(std::string_view text, const NoteSigner& signer);

/// A cosignature line (type 0x04) by `secret` in `name` at `time` over a note's text, with its LF.
Result<std::string> cosignature_line(std::string_view text, std::string_view name,
                                     const Ed25519SecretKey& secret, Timestamp time);

}  // namespace statehouse
