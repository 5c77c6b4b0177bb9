#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

#include "crypto/base/entropy.h"
#include "crypto/base/error.h"

namespace statehouse {

// Ed25519 (RFC 8032) by libsodium, and by nothing else: libraries disagree on edge cases (of the
// 914 C2SP/CCTV vectors libsodium accepts 43, OpenSSL 208), so one library decides wherever two
// parties must come to the same verdict. All functions are pure; threads: any.

/// 32 bytes that name a verifying key. A value. Holding one says nothing about whose key it is.
class Ed25519PublicKey {
 public:
  static constexpr std::size_t kBytes = 32;
  static constexpr std::size_t kSignatureBytes = 64;

  /// Exactly 32 raw bytes. That they are a usable point is judged by `verify`, which refuses
  /// low-order and non-canonical keys.
  static Result<Ed25519PublicKey> from_bytes(std::string_view bytes);

  /// Canonical standard base64 of 32 bytes.
  static Result<Ed25519PublicKey> from_base64(std::string_view text);

  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), kBytes};
  }
  [[nodiscard]] std::string base64() const;

  /// Lower-case hexadecimal SHA-256 of the 32 bytes: the `keyid` of the store's keys in DSSE
  /// envelopes and in the trust document.
  [[nodiscard]] std::string key_id() const;

  /// True when `signature` (64 raw bytes) is this key's signature over exactly `message`.
  [[nodiscard]] bool verify(std::string_view message, std::string_view signature) const;

  auto operator<=>(const Ed25519PublicKey&) const = default;

 private:
  std::array<unsigned char, kBytes> bytes_{};
};

/// A signing key. Move-only; its bytes are wiped when it is destroyed or moved from.
class Ed25519SecretKey {
 public:
  static constexpr std::size_t kSeedBytes = 32;

  /// REQUIRES nothing of `seed` but its length; the caller wipes its own copy (`wipe_secret`).
  static Result<Ed25519SecretKey> from_seed(std::string_view seed);

  /// A new key from 32 bytes of `entropy`.
  static Ed25519SecretKey generate(const Entropy& entropy);

  Ed25519SecretKey(Ed25519SecretKey&& other) noexcept;
  Ed25519SecretKey& operator=(Ed25519SecretKey&& other) noexcept;
  Ed25519SecretKey(const Ed25519SecretKey&) = delete;
  Ed25519SecretKey& operator=(const Ed25519SecretKey&) = delete;
  ~Ed25519SecretKey();

  [[nodiscard]] const Ed25519PublicKey& public_key() const { return public_key_; }

  /// 64 raw bytes. Deterministic (RFC 8032, section 5.1.6).
  [[nodiscard]] std::string sign(std::string_view message) const;

  /// The 32 secret bytes, to be written to a key file. The caller wipes them (`wipe_secret`).
  [[nodiscard]] std::string reveal_secret_seed() const;

  /// Another owner of the same key, for an object that must outlive this one.
  [[nodiscard]] Ed25519SecretKey duplicate() const;

 private:
  Ed25519SecretKey() = default;

  std::array<unsigned char, 64> secret_{};  // seed, then public key: libsodium's form
  Ed25519PublicKey public_key_;
};

/// Compares without telling by its duration where two secrets differ. Lengths are not secret.
bool secrets_equal(std::string_view a, std::string_view b);

/// Overwrites the bytes of `secret` in a way the compiler may not remove, and empties it.
void wipe_secret(std::string& secret);

}  // namespace statehouse
