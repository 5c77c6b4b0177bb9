#include "crypto/ed25519.h"

#include <sodium.h>

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"

namespace statehouse {

static_assert(Ed25519PublicKey::kBytes == crypto_sign_PUBLICKEYBYTES);
static_assert(Ed25519PublicKey::kSignatureBytes == crypto_sign_BYTES);
static_assert(Ed25519SecretKey::kSeedBytes == crypto_sign_SEEDBYTES);
static_assert(crypto_sign_SECRETKEYBYTES == 64);

namespace {

const unsigned char* unsigned_bytes(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// sodium_init() chooses implementations once; it must come before any other call.
void require_sodium() {
  static const int kState = sodium_init();
  STATEHOUSE_ASSERT(kState >= 0);
}

}  // namespace

Result<Ed25519PublicKey> Ed25519PublicKey::from_bytes(std::string_view bytes) {
  if (bytes.size() != kBytes) {
    return invalid_argument("reading an Ed25519 public key: not 32 bytes");
  }
  Ed25519PublicKey key;
  std::ranges::copy(bytes, key.bytes_.begin());
  return key;
}

Result<Ed25519PublicKey> Ed25519PublicKey::from_base64(std::string_view text) {
  const std::string bytes = TRY_WITH("reading an Ed25519 public key", base64_decode(text));
  return from_bytes(bytes);
}

std::string Ed25519PublicKey::base64() const { return base64_encode(bytes()); }

std::string Ed25519PublicKey::key_id() const { return sha256_hex(bytes()); }

bool Ed25519PublicKey::verify(std::string_view message, std::string_view signature) const {
  require_sodium();
  return signature.size() == kSignatureBytes &&
         crypto_sign_verify_detached(unsigned_bytes(signature), unsigned_bytes(message),
                                     message.size(), bytes_.data()) == 0;
}

Result<Ed25519SecretKey> Ed25519SecretKey::from_seed(std::string_view seed) {
  if (seed.size() != kSeedBytes) {
    return invalid_argument("reading an Ed25519 secret key: not 32 bytes");
  }
  require_sodium();
  Ed25519SecretKey key;
  std::array<unsigned char, Ed25519PublicKey::kBytes> public_bytes{};
  crypto_sign_seed_keypair(public_bytes.data(), key.secret_.data(), unsigned_bytes(seed));
  key.public_key_ = TRY(Ed25519PublicKey::from_bytes(
      {reinterpret_cast<const char*>(public_bytes.data()), public_bytes.size()}));
  return key;
}

Ed25519SecretKey Ed25519SecretKey::generate(const Entropy& entropy) {
  std::string seed = entropy.bytes(kSeedBytes);
  Result<Ed25519SecretKey> key = from_seed(seed);
  wipe_secret(seed);
  STATEHOUSE_ASSERT(key.has_value());
  return *std::move(key);
}

Ed25519SecretKey::Ed25519SecretKey(Ed25519SecretKey&& other) noexcept
    : secret_(other.secret_), public_key_(other.public_key_) {
  sodium_memzero(other.secret_.data(), other.secret_.size());
}

Ed25519SecretKey& Ed25519SecretKey::operator=(Ed25519SecretKey&& other) noexcept {
  if (this != &other) {
    secret_ = other.secret_;
    public_key_ = other.public_key_;
    sodium_memzero(other.secret_.data(), other.secret_.size());
  }
  return *this;
}

Ed25519SecretKey::~Ed25519SecretKey() { sodium_memzero(secret_.data(), secret_.size()); }

std::string Ed25519SecretKey::sign(std::string_view message) const {
  std::string signature(Ed25519PublicKey::kSignatureBytes, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                       unsigned_bytes(message), message.size(), secret_.data());
  return signature;
}

std::string Ed25519SecretKey::reveal_secret_seed() const {
  return {reinterpret_cast<const char*>(secret_.data()), kSeedBytes};
}

Ed25519SecretKey Ed25519SecretKey::duplicate() const {
  Ed25519SecretKey copy;
  copy.secret_ = secret_;
  copy.public_key_ = public_key_;
  return copy;
}

bool secrets_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe_secret(std::string& secret) {
  // Capacity, not size: bytes left behind a shrunken end are wiped too.
  secret.resize(secret.capacity());
  sodium_memzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace statehouse
