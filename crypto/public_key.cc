#include "crypto/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <string>

#include "crypto/base/limits.h"

namespace statehouse {

namespace {

/// One owner type per OpenSSL type.
template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bignum = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;

const unsigned char* unsigned_bytes(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Bignum bignum(std::string_view big_endian) {
  return Bignum(
      BN_bin2bn(unsigned_bytes(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

/// A public key of algorithm `name` from `params`; null when they do not describe one.
EvpPkey public_key_from(const char* name, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, name, nullptr));
  EVP_PKEY* key = nullptr;
  if (params != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1) {
    // On failure `key` stays null or is ours to free: either way it goes into its owner.
    EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get());
  }
  ERR_clear_error();
  return EvpPkey(key);
}

bool digest_verify(evp_pkey_st* key, const char* digest, std::string_view message,
                   std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  const bool good = context != nullptr &&
                    EVP_DigestVerifyInit_ex(context.get(), nullptr, digest, nullptr, nullptr, key,
                                            nullptr) == 1 &&
                    EVP_DigestVerify(context.get(), unsigned_bytes(signature), signature.size(),
                                     unsigned_bytes(message), message.size()) == 1;
  ERR_clear_error();
  return good;
}

const char* group_name(EcdsaCurve curve) {
  switch (curve) {
    case EcdsaCurve::kP256:
      return "P-256";
    case EcdsaCurve::kP384:
      return "P-384";
    case EcdsaCurve::kP521:
      return "P-521";
  }
  STATEHOUSE_ASSERT(false);
}

const char* digest_name(EcdsaCurve curve) {
  switch (curve) {
    case EcdsaCurve::kP256:
      return "SHA256";
    case EcdsaCurve::kP384:
      return "SHA384";
    case EcdsaCurve::kP521:
      return "SHA512";
  }
  STATEHOUSE_ASSERT(false);
}

}  // namespace

void EvpPkeyFree::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

std::size_t ecdsa_coordinate_bytes(EcdsaCurve curve) {
  switch (curve) {
    case EcdsaCurve::kP256:
      return 32;
    case EcdsaCurve::kP384:
      return 48;
    case EcdsaCurve::kP521:
      return 66;
  }
  STATEHOUSE_ASSERT(false);
}

Result<EcdsaPublicKey> EcdsaPublicKey::from_point(EcdsaCurve curve, std::string_view point) {
  if (point.size() != 1 + 2 * ecdsa_coordinate_bytes(curve) || point[0] != '\x04') {
    return invalid_argument("reading an ECDSA public key: not an uncompressed point");
  }
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  const bool filled = builder != nullptr &&
                      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                                      group_name(curve), 0) == 1 &&
                      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                                       point.data(), point.size()) == 1;
  if (!filled) return internal_error("reading an ECDSA public key: out of memory");
  EvpPkey key = public_key_from("EC", builder.get());
  if (key == nullptr) {
    return invalid_argument("reading an ECDSA public key: the point is not on the curve");
  }
  return EcdsaPublicKey(curve, std::move(key));
}

bool EcdsaPublicKey::verify_der(std::string_view message, std::string_view der) const {
  return digest_verify(key_.get(), digest_name(curve_), message, der);
}

bool EcdsaPublicKey::verify(std::string_view message, std::string_view r,
                            std::string_view s) const {
  const std::size_t bytes_max = ecdsa_coordinate_bytes(curve_);
  if (r.empty() || s.empty() || r.size() > bytes_max || s.size() > bytes_max) return false;
  const EcdsaSignature signature(ECDSA_SIG_new());
  Bignum r_number = bignum(r);
  Bignum s_number = bignum(s);
  if (signature == nullptr || r_number == nullptr || s_number == nullptr) return false;
  if (ECDSA_SIG_set0(signature.get(), r_number.get(), s_number.get()) != 1) return false;
  static_cast<void>(r_number.release());  // set0 took them
  static_cast<void>(s_number.release());
  const int length = i2d_ECDSA_SIG(signature.get(), nullptr);
  if (length <= 0) return false;
  std::string der(static_cast<std::size_t>(length), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (i2d_ECDSA_SIG(signature.get(), &out) != length) return false;
  return verify_der(message, der);
}

Result<RsaPublicKey> RsaPublicKey::from_numbers(std::string_view modulus,
                                                std::string_view exponent) {
  const Bignum n = bignum(modulus);
  const Bignum e = bignum(exponent);
  if (n == nullptr || e == nullptr) {
    return internal_error("reading an RSA public key: out of memory");
  }
  const int bits = BN_num_bits(n.get());
  if (bits < static_cast<int>(limits::kRsaBitsMin) ||
      bits > static_cast<int>(limits::kRsaBitsMax)) {
    return invalid_argument("reading an RSA public key: it has " + std::to_string(bits) + " bits",
                            "use a key of at least " + std::to_string(limits::kRsaBitsMin) +
                                " bits, or better an Ed25519 key");
  }
  if (BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1 ||
      BN_num_bits(e.get()) > 64) {
    return invalid_argument("reading an RSA public key: not a usable modulus and exponent");
  }
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  const bool filled = builder != nullptr &&
                      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
  EvpPkey key = filled ? public_key_from("RSA", builder.get()) : nullptr;
  if (key == nullptr) return invalid_argument("reading an RSA public key: OpenSSL refuses it");
  return RsaPublicKey(std::move(key), (static_cast<std::size_t>(bits) + 7) / 8);
}

bool RsaPublicKey::verify(RsaHash hash, std::string_view message,
                          std::string_view signature) const {
  if (signature.empty() || signature.size() > modulus_bytes_) return false;
  std::string padded(modulus_bytes_ - signature.size(), '\0');
  padded += signature;
  // PKCS#1 v1.5 is OpenSSL's default padding for RSA keys.
  return digest_verify(key_.get(), hash == RsaHash::kSha256 ? "SHA256" : "SHA512", message, padded);
}

}  // namespace statehouse
