#include "crypto/sha256.h"

#include <openssl/evp.h>

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/base/error.h"

namespace statehouse {

namespace {

constexpr std::string_view kDigestPrefix = "sha256:";

/// Fetched once: an implicit fetch by EVP_sha256() costs more than hashing a Merkle node.
const EVP_MD* fetched(const char* name) {
  const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  STATEHOUSE_ASSERT(algorithm != nullptr);
  return algorithm;
}

const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const kAlgorithm = fetched("SHA256");
  return kAlgorithm;
}

const EVP_MD* sha512_algorithm() {
  static const EVP_MD* const kAlgorithm = fetched("SHA512");
  return kAlgorithm;
}

}  // namespace

void Sha256::Free::operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  STATEHOUSE_ASSERT(context_ != nullptr);
  STATEHOUSE_ASSERT(EVP_DigestInit_ex2(context_.get(), sha256_algorithm(), nullptr) == 1);
}

Sha256& Sha256::update(std::string_view bytes) {
  STATEHOUSE_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  return *this;
}

std::string Sha256::finish() {
  std::string digest(kBytes, '\0');
  STATEHOUSE_ASSERT(EVP_DigestFinal_ex(context_.get(),
                                       reinterpret_cast<unsigned char*>(digest.data()),
                                       nullptr) == 1);
  STATEHOUSE_ASSERT(EVP_DigestInit_ex2(context_.get(), sha256_algorithm(), nullptr) == 1);
  return digest;
}

std::string sha256(std::string_view bytes) { return Sha256().update(bytes).finish(); }

std::string sha256_hex(std::string_view bytes) { return hex_encode(sha256(bytes)); }

std::string sha256_digest_text(std::string_view bytes) { return digest_text(sha256(bytes)); }

std::string digest_text(std::string_view raw_digest) {
  STATEHOUSE_ASSERT(raw_digest.size() == Sha256::kBytes);
  return std::string(kDigestPrefix) + hex_encode(raw_digest);
}

bool is_digest_text(std::string_view text) {
  return text.starts_with(kDigestPrefix) &&
         text.size() == kDigestPrefix.size() + 2 * Sha256::kBytes &&
         hex_decode(text.substr(kDigestPrefix.size())).has_value();
}

std::string sha512(std::string_view bytes) {
  std::string digest(64, '\0');
  STATEHOUSE_ASSERT(EVP_Digest(bytes.data(), bytes.size(),
                               reinterpret_cast<unsigned char*>(digest.data()), nullptr,
                               sha512_algorithm(), nullptr) == 1);
  return digest;
}

}  // namespace statehouse
