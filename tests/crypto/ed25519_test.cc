#include "crypto/ed25519.h"

#include <doctest/doctest.h>

#include "crypto/base/encoding.h"
#include "tests/crypto/fixture.h"
#include "tests/crypto/vectors.h"

namespace statehouse {

namespace {

std::string hex(const Json& object, const char* name) {
  return hex_decode(object.at(name).get<std::string>()).value();
}

}  // namespace

TEST_CASE("a signature is refused for other bytes, another key, and when cut or altered") {
  const Ed25519SecretKey key = test_key();
  const std::string signature = key.sign("message");
  CHECK_FALSE(key.public_key().verify("messagf", signature));
  CHECK_FALSE(test_key(2).public_key().verify("message", signature));
  CHECK_FALSE(key.public_key().verify("message", signature.substr(0, 63)));
  CHECK_FALSE(key.public_key().verify("message", signature + "0"));
  CHECK_FALSE(key.public_key().verify("message", ""));
  for (const std::size_t at : {0U, 31U, 32U, 63U}) {
    std::string altered = signature;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    CHECK_FALSE(key.public_key().verify("message", altered));
  }
  CHECK(key.public_key().verify("message", signature));
}

TEST_CASE("keys match RFC 8032, section 7.1, test 2") {
  const auto key = Ed25519SecretKey::from_seed(
      hex_decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").value());
  CHECK(hex_encode(key->public_key().bytes()) ==
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  CHECK(hex_encode(key->sign("\x72"))
            .starts_with("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8f"));
}

TEST_CASE("keys of another length, and base64 that is not canonical, are refused") {
  for (const std::size_t length : {0U, 31U, 33U, 64U}) {
    CHECK_FALSE(Ed25519PublicKey::from_bytes(std::string(length, 'k')));
    CHECK_FALSE(Ed25519SecretKey::from_seed(std::string(length, 'k')));
  }
  const Ed25519PublicKey key = test_key().public_key();
  CHECK(Ed25519PublicKey::from_base64(key.base64()).value() == key);
  CHECK_FALSE(Ed25519PublicKey::from_base64(key.base64() + "\n"));
  CHECK(key.key_id().size() == 64);
}

TEST_CASE("a key moved from holds no secret any more") {
  Ed25519SecretKey key = test_key();
  const Ed25519SecretKey owner = std::move(key);
  CHECK(key.reveal_secret_seed() == std::string(32, '\0'));  // NOLINT(bugprone-use-after-move)
  CHECK(owner.reveal_secret_seed() == std::string(32, '\1'));
  CHECK(owner.duplicate().sign("m") == owner.sign("m"));
}

TEST_CASE("secrets are equal only when every byte is") {
  CHECK(secrets_equal("secret", "secret"));
  CHECK(secrets_equal("", ""));
  CHECK_FALSE(secrets_equal("secret", "secreT"));
  CHECK_FALSE(secrets_equal("secret", "secret "));
  std::string secret = "secret";
  wipe_secret(secret);
  CHECK(secret.empty());
}

TEST_CASE("of the 914 edge cases of C2SP/CCTV exactly 43 are accepted") {
  const auto folder = vectors_folder("ed25519");
  if (!folder) return;
  const Json vectors = read_json_vector(*folder / "ed25519vectors.json");
  int accepted = 0;
  for (const Json& vector : vectors) {
    const auto key = Ed25519PublicKey::from_bytes(hex(vector, "key"));
    if (key && key->verify(vector.at("msg").get<std::string>(), hex(vector, "sig"))) ++accepted;
  }
  CHECK(vectors.size() == 914);
  CHECK(accepted == 43);
}

TEST_CASE("every Ed25519 vector of Wycheproof has its expected verdict") {
  const auto folder = vectors_folder("wycheproof");
  if (!folder) return;
  const Json vectors = read_json_vector(*folder / "ed25519_test.json");
  int seen = 0;
  for (const Json& group : vectors.at("testGroups")) {
    const auto key = Ed25519PublicKey::from_bytes(hex(group.at("publicKey"), "pk"));
    for (const Json& test : group.at("tests")) {
      CAPTURE(test.at("tcId").get<int>());
      CHECK(key->verify(hex(test, "msg"), hex(test, "sig")) == (test.at("result") == "valid"));
      ++seen;
    }
  }
  CHECK(seen == vectors.at("numberOfTests"));
}

}  // namespace statehouse
