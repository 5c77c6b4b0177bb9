#include "crypto/sha256.h"

#include <doctest/doctest.h>

#include "crypto/base/encoding.h"

namespace statehouse {

TEST_CASE("SHA-256 matches the examples of FIPS 180-4") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-512 matches the example of FIPS 180-4") {
  CHECK(hex_encode(sha512("abc")).starts_with("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea2"));
}

TEST_CASE("a message in pieces has the digest of the whole, and finishing starts anew") {
  Sha256 hash;
  CHECK(hash.update("a").update("").update("bc").finish() == sha256("abc"));
  CHECK(hash.finish() == sha256(""));
}

TEST_CASE("a digest text is exactly sha256: and 64 lower-case digits") {
  const std::string good = sha256_digest_text("abc");
  CHECK(is_digest_text(good));
  for (const std::string& bad :
       {std::string(), std::string("sha256:"), good.substr(1), good + "0", good.substr(0, 70),
        "SHA256:" + good.substr(7), "sha256:" + std::string(64, 'A'), good.substr(0, 70) + "g",
        "sha512:" + good.substr(7), good.substr(7)}) {
    CAPTURE(bad);
    CHECK_FALSE(is_digest_text(bad));
  }
}

}  // namespace statehouse
