#include "crypto/public_key.h"

#include <doctest/doctest.h>

#include "crypto/base/encoding.h"
#include "tests/crypto/vectors.h"

namespace statehouse {

namespace {

std::string hex(const Json& object, const char* name) {
  return hex_decode(object.at(name).get<std::string>()).value();
}

/// Vectors write numbers as signed: a leading zero byte may stand in front.
std::string number(const Json& object, const char* name) {
  const std::string bytes = hex(object, name);
  const std::size_t first = bytes.find_first_not_of('\0');
  return first == std::string::npos ? std::string() : bytes.substr(first);
}

}  // namespace

TEST_CASE("points off the curve, compressed, cut or at infinity are refused") {
  CHECK_FALSE(EcdsaPublicKey::from_point(EcdsaCurve::kP256, ""));
  CHECK_FALSE(EcdsaPublicKey::from_point(EcdsaCurve::kP256, std::string(1, '\0')));
  CHECK_FALSE(EcdsaPublicKey::from_point(EcdsaCurve::kP256, "\x04" + std::string(64, '\1')));
  CHECK_FALSE(EcdsaPublicKey::from_point(EcdsaCurve::kP256, "\x02" + std::string(32, '\1')));
  CHECK_FALSE(EcdsaPublicKey::from_point(EcdsaCurve::kP384, "\x04" + std::string(64, '\1')));
}

TEST_CASE("RSA keys that are short, even or with a silly exponent are refused") {
  const std::string odd_2048(256, '\xff');
  CHECK(RsaPublicKey::from_numbers(odd_2048, "\x03"));
  CHECK_FALSE(RsaPublicKey::from_numbers(odd_2048, "\x01"));
  CHECK_FALSE(RsaPublicKey::from_numbers(odd_2048, "\x04"));
  CHECK_FALSE(RsaPublicKey::from_numbers(odd_2048, ""));
  CHECK_FALSE(RsaPublicKey::from_numbers(odd_2048, std::string(9, '\xff')));
  CHECK_FALSE(RsaPublicKey::from_numbers(odd_2048.substr(1), "\x03"));
  CHECK_FALSE(RsaPublicKey::from_numbers(odd_2048.substr(1) + "\xfe", "\x03"));
  CHECK_FALSE(RsaPublicKey::from_numbers(std::string(2049, '\xff'), "\x03"));
}

TEST_CASE("every ECDSA P-256 vector of Wycheproof has its expected verdict") {
  const auto folder = vectors_folder("wycheproof");
  if (!folder) return;
  const Json vectors = read_json_vector(*folder / "ecdsa_secp256r1_sha256_test.json");
  int seen = 0;
  for (const Json& group : vectors.at("testGroups")) {
    const auto key =
        EcdsaPublicKey::from_point(EcdsaCurve::kP256, hex(group.at("publicKey"), "uncompressed"));
    REQUIRE(key);
    for (const Json& test : group.at("tests")) {
      CAPTURE(test.at("tcId").get<int>());
      CHECK(key->verify_der(hex(test, "msg"), hex(test, "sig")) == (test.at("result") == "valid"));
      ++seen;
    }
  }
  CHECK(seen == vectors.at("numberOfTests"));
}

TEST_CASE("every RSA-2048 vector of Wycheproof has its expected verdict") {
  const auto folder = vectors_folder("wycheproof");
  if (!folder) return;
  const Json vectors = read_json_vector(*folder / "rsa_signature_2048_sha256_test.json");
  int seen = 0;
  for (const Json& group : vectors.at("testGroups")) {
    const Json& numbers = group.at("publicKey");
    const auto key =
        RsaPublicKey::from_numbers(number(numbers, "modulus"), number(numbers, "publicExponent"));
    REQUIRE(key);
    for (const Json& test : group.at("tests")) {
      CAPTURE(test.at("tcId").get<int>());
      CAPTURE(test.at("comment").get<std::string>());
      if (test.at("result") == "acceptable") continue;  // a matter of policy: missing NULL
      CHECK(key->verify(RsaHash::kSha256, hex(test, "msg"), hex(test, "sig")) ==
            (test.at("result") == "valid"));
      ++seen;
    }
  }
  CHECK(seen > 250);
}

}  // namespace statehouse
