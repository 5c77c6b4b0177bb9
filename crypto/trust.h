#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/dsse.h"
#include "crypto/ed25519.h"
#include "crypto/signed_note.h"
#include "crypto/ssh_key.h"
#include "crypto/statement.h"

namespace statehouse {

inline constexpr std::string_view kTrustType = "https://statehouse.dev/trust/v1";

/// A key of the store and when it speaks for the store.
struct TrustKey {
  Ed25519PublicKey public_key;
  std::uint64_t epoch = 1;
  Timestamp valid_from;
  std::optional<Timestamp> valid_until;  ///< first moment at which it no longer does

  [[nodiscard]] bool is_valid_at(Timestamp time) const {
    return valid_from <= time && (!valid_until || time < *valid_until);
  }
  bool operator==(const TrustKey&) const = default;
};

/// What a trust document says. Unverified: fill one in to `sign_trust` it.
struct TrustContent {
  std::uint64_t version = 1;
  std::string origin;
  std::uint64_t epoch = 1;
  Timestamp issued;
  std::vector<Ed25519PublicKey> root_keys;
  std::size_t root_threshold = 1;
  std::vector<TrustKey> log_keys;
  std::vector<TrustKey> statement_keys;
  std::vector<TrustKey> attestation_keys;
  std::string sealing_openpgp_fingerprint;  ///< 40 upper-case hexadecimal digits
  std::string sealing_openpgp_key;          ///< armored
  std::string sealing_ssh_fingerprint;      ///< SHA256:…
  std::string sealing_ssh_key;              ///< ssh-ed25519 AAAA…

  [[nodiscard]] std::string payload() const;
  /// Strict, as the statements' parsers are. Errors: kInvalidArgument.
  static Result<TrustContent> parse(std::string_view payload);
  bool operator==(const TrustContent&) const = default;
};

/// Signs with root keys; the result is the text of trust.json (a DSSE envelope, payload type
/// kTrustPayloadType). An update N -> N+1 needs the signatures of both versions' thresholds: pass
/// all the keys. Errors: kInvalidArgument when the content is not well formed.
Result<std::string> sign_trust(const TrustContent& content,
                               const std::vector<const Ed25519SecretKey*>& root_keys);

/// A trust document whose signatures hold: the pinned first one, or one reached from it by updates.
/// A value. Threads: any, as for any const object.
class TrustDocument {
 public:
  /// Reads a document as the first pin: signed by the threshold of its own root keys. Whoever calls
  /// this trusts the place the bytes came from. Errors: kInvalidArgument, kUnverified.
  static Result<TrustDocument> pin(std::string_view bytes);

  /// Accepts `bytes` as the successor of this document: version exactly one higher, same origin,
  /// epoch not lower, signed by this document's root threshold and by its own.
  /// Errors: kInvalidArgument, kUnverified.
  [[nodiscard]] Result<TrustDocument> verify_update(std::string_view bytes) const;

  [[nodiscard]] const TrustContent& content() const { return content_; }
  [[nodiscard]] const std::string& origin() const { return content_.origin; }
  [[nodiscard]] std::uint64_t version() const { return content_.version; }
  [[nodiscard]] std::uint64_t epoch() const { return content_.epoch; }

  /// The exact bytes it was read from.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

  /// The log keys of one epoch as note keys in the name of the origin, valid or not: a checkpoint
  /// carries no time to judge by. Errors: kNotFound when the epoch has none.
  [[nodiscard]] Result<std::vector<NoteKey>> log_keys(std::uint64_t epoch) const;

  /// Statement keys that were valid at `time`.
  [[nodiscard]] std::vector<Ed25519PublicKey> statement_keys(std::uint64_t epoch,
                                                             Timestamp time) const;

 private:
  TrustDocument(TrustContent content, std::string bytes)
      : content_(std::move(content)), bytes_(std::move(bytes)) {}

  TrustContent content_;
  std::string bytes_;
};

/// Opens a DSSE envelope (JSON text) that should hold a version statement of this store: signed by
/// a statement key of the epoch and time that it names, same origin, epoch not above the
/// document's. Whether repository, ref and version are the ones asked for is the caller's check.
/// Errors: kInvalidArgument, kUnverified.
Result<VersionStatement> open_version_statement(std::string_view envelope,
                                                const TrustDocument& trust);

/// The same for a head statement; its key is judged at the time it was issued. Whether it has
/// expired is the caller's check, with the caller's clock.
Result<HeadStatement> open_head_statement(std::string_view envelope, const TrustDocument& trust);

/// The offline root key as a file of text, mode 0600, that people may print and type in again:
///
/// ```
/// STATEHOUSE ROOT KEY v1
/// origin: example.com/store
/// key-id: <64 hexadecimal digits>
/// seed: <base64 of 32 bytes>
/// ```
///
/// Exactly these four lines, each ending in LF.
struct RootKeyFile {
  std::string origin;
  Ed25519SecretKey key;
};
std::string format_root_key_file(std::string_view origin, const Ed25519SecretKey& key);
/// Strict, and the key id must belong to the seed. Errors: kInvalidArgument.
Result<RootKeyFile> parse_root_key_file(std::string_view text);

}  // namespace statehouse
