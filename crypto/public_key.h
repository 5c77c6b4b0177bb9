#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "crypto/base/error.h"

struct evp_pkey_st;

namespace statehouse {

// RSA and ECDSA verification by OpenSSL, for people's keys. (Ed25519 never comes here: see
// crypto/ed25519.h.) Numbers are big-endian without leading zeros.

struct EvpPkeyFree {
  void operator()(evp_pkey_st* key) const;
};
using EvpPkey = std::unique_ptr<evp_pkey_st, EvpPkeyFree>;

enum class EcdsaCurve { kP256, kP384, kP521 };

/// The bytes of one coordinate on `curve`, and of its order: 32, 48 or 66.
std::size_t ecdsa_coordinate_bytes(EcdsaCurve curve);

/// A point on a NIST curve. Its hash is fixed by the curve: SHA-256, SHA-384, SHA-512.
/// Immutable; move-only. Threads: any.
class EcdsaPublicKey {
 public:
  /// `point` uncompressed: 04 || X || Y. Errors: kInvalidArgument, also when off the curve.
  static Result<EcdsaPublicKey> from_point(EcdsaCurve curve, std::string_view point);

  /// True when strict DER SEQUENCE {r, s} is this key's signature over `message`.
  [[nodiscard]] bool verify_der(std::string_view message, std::string_view der) const;

  /// The same with the two numbers given; r and s in [1, order - 1].
  [[nodiscard]] bool verify(std::string_view message, std::string_view r, std::string_view s) const;

 private:
  EcdsaPublicKey(EcdsaCurve curve, EvpPkey key) : curve_(curve), key_(std::move(key)) {}

  EcdsaCurve curve_;
  EvpPkey key_;
};

enum class RsaHash { kSha256, kSha512 };

/// An RSA key for PKCS#1 v1.5 signatures (RFC 8017, section 8.2). Immutable; move-only.
class RsaPublicKey {
 public:
  /// Modulus limits::kRsaBitsMin to kRsaBitsMax bits; exponent odd, 3 to 64 bits.
  static Result<RsaPublicKey> from_numbers(std::string_view modulus, std::string_view exponent);

  /// `signature` may be shorter than the modulus: leading zero bytes are put back, as SSH drops
  /// them. Longer is refused.
  [[nodiscard]] bool verify(RsaHash hash, std::string_view message,
                            std::string_view signature) const;

 private:
  RsaPublicKey(EvpPkey key, std::size_t modulus_bytes)
      : key_(std::move(key)), modulus_bytes_(modulus_bytes) {}

  EvpPkey key_;
  std::size_t modulus_bytes_;
};

}  // namespace statehouse
