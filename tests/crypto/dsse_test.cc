#include "crypto/dsse.h"

#include <doctest/doctest.h>

#include "crypto/base/encoding.h"
#include "crypto/base/json.h"
#include "crypto/public_key.h"
#include "crypto/sha256.h"
#include "tests/crypto/fixture.h"
#include "tests/crypto/vectors.h"

namespace statehouse {

namespace {

constexpr std::string_view kType = "application/example";
constexpr std::string_view kPayload = "{\"a\":1}";

Ed25519PublicKey public_key(char number) { return test_key(number).public_key(); }

DsseEnvelope signed_by(std::initializer_list<char> numbers) {
  DsseEnvelope envelope{std::string(kType), std::string(kPayload), {}};
  for (const char number : numbers) {
    envelope.signatures.push_back(
        {public_key(number).key_id(), test_key(number).sign(dsse_pae(kType, kPayload))});
  }
  return envelope;
}

}  // namespace

TEST_CASE("an envelope is refused for another payload, type or key") {
  const DsseEnvelope good = signed_by({1});
  REQUIRE(verify_dsse(good, kType, {public_key(1)}));
  CHECK_FALSE(verify_dsse(good, kType, {public_key(2)}));
  CHECK_FALSE(verify_dsse(good, kType, {}));
  CHECK_FALSE(verify_dsse(good, "application/other", {public_key(1)}));
  DsseEnvelope bad = good;
  bad.payload += " ";
  CHECK_FALSE(verify_dsse(bad, kType, {public_key(1)}));
  bad = good;
  bad.payload_type = "application/other";
  CHECK_FALSE(verify_dsse(bad, "application/other", {public_key(1)}));
  bad = good;
  bad.signatures.clear();
  CHECK_FALSE(verify_dsse(bad, kType, {public_key(1)}));
  bad = good;
  bad.signatures[0].key_id = public_key(2).key_id();
  CHECK_FALSE(verify_dsse(bad, kType, {public_key(1), public_key(2)}));
}

TEST_CASE("a threshold counts different keys, not signatures, key ids or repeated trust") {
  const std::vector keys = {public_key(1), public_key(2), public_key(3)};
  CHECK_FALSE(verify_dsse(signed_by({1, 1}), kType, keys, 2));
  CHECK_FALSE(verify_dsse(signed_by({1}), kType, {public_key(1), public_key(1)}, 2));
  DsseEnvelope two_names = signed_by({1, 1});
  two_names.signatures[1].key_id.clear();
  CHECK_FALSE(verify_dsse(two_names, kType, keys, 2));
  CHECK(verify_dsse(signed_by({1, 3}), kType, keys, 2).value().keys().size() == 2);
  CHECK(verify_dsse(signed_by({9, 2}), kType, keys, 1));
}

TEST_CASE("a signature without key id is tried with every key") {
  DsseEnvelope envelope = signed_by({2});
  envelope.signatures[0].key_id.clear();
  CHECK(verify_dsse(envelope, kType, {public_key(1), public_key(2)}));
}

TEST_CASE("envelopes that are not well formed are refused") {
  const std::string good = signed_by({1}).serialise();
  REQUIRE(DsseEnvelope::parse(good).value() == signed_by({1}));
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), good + "x",
        replaced(good, "\"payload\"", "\"payloat\""), replaced(good, "\"payloadType\"", "\"type\""),
        replaced(good, "\"signatures\"", "\"signature\""), replaced(good, "\"sig\"", "\"sgi\""),
        replaced(good, "\"sig\"", "\"keyid\""), replaced(good, "eyJh", "eyJ?"),
        std::string(R"({"payload":"","payloadType":"","signatures":{}})"),
        std::string(R"({"payload":1,"payloadType":"","signatures":[]})"),
        std::string(R"({"payload":"","payloadType":"","signatures":[1]})"),
        std::string(R"({"payload":"","payloadType":"","signatures":[{"sig":"","keyid":1}]})")}) {
    CAPTURE(bad);
    CHECK_FALSE(DsseEnvelope::parse(bad));
  }
}

TEST_CASE("URL-safe base64, a missing key id and unknown members are accepted, as DSSE asks") {
  const auto envelope = DsseEnvelope::parse(
      R"({"payload":"-_8","payloadType":"t","signatures":[{"sig":"-_8=","x":1}],"y":2})");
  REQUIRE(envelope);
  CHECK(envelope->payload == "\xfb\xff");
  CHECK(envelope->signatures[0].bytes == "\xfb\xff");
  CHECK(envelope->signatures[0].key_id.empty());
}

TEST_CASE("the pre-authentication encoding is that of the specification") {
  CHECK(dsse_pae("", "") == "DSSEv1 0  0 ");
  CHECK(dsse_pae("http://example.com/HelloWorld", "hello world") ==
        "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  CHECK(sha256_hex(dsse_pae("http://example.com/HelloWorld", "hello world")) ==
        "217751fac2c4f14edb2c9297fbc34abcb016ba88e74757e875ec4ac16fb6b6a1");
  CHECK(dsse_pae("t", "\xc3\xa9") == "DSSEv1 1 t 2 \xc3\xa9");
}

TEST_CASE("a person's signature holds only with its own key id and namespace") {
  DsseEnvelope envelope{std::string(kType), std::string(kPayload), {}};
  DsseSignature signature = sign_dsse_ssh(kType, kPayload, kSshNamespaceApproval, test_key());
  CHECK(verify_dsse_ssh(envelope, signature, kSshNamespaceApproval));
  CHECK_FALSE(verify_dsse_ssh(envelope, signature, kSshNamespaceCheck));
  envelope.payload += " ";
  CHECK_FALSE(verify_dsse_ssh(envelope, signature, kSshNamespaceApproval));
  envelope.payload = kPayload;
  signature.key_id = SshPublicKey::from_ed25519(public_key(2)).fingerprint();
  CHECK_FALSE(verify_dsse_ssh(envelope, signature, kSshNamespaceApproval));
}

TEST_CASE("ssh-keygen signs approvals that we verify") {
  const TemporaryDirectory folder = scratch();
  put_file(folder.path() / "key", format_openssh_private_key(test_key(), "c", FixedEntropy()));
  const std::string armored =
      run(folder.path(), {"ssh-keygen", "-Y", "sign", "-n", "approval@statehouse", "-f", "key"},
          dsse_pae(kType, kPayload))
          .stdout_bytes;
  CHECK(armored == sign_dsse_ssh(kType, kPayload, kSshNamespaceApproval, test_key()).bytes);
}

TEST_CASE("a verification summary made by others reads as an envelope") {
  const auto folder = vectors_folder("vsa");
  if (!folder) return;
  const auto envelope =
      DsseEnvelope::parse(read_vector(*folder / "gce" / "v1" / "gke-gce-pre.bcid-vsa.jsonl"));
  REQUIRE(envelope);
  CHECK(envelope->payload_type == kInTotoPayloadType);
  CHECK(parse_json(envelope->payload).value().at("predicateType") ==
        "https://slsa.dev/verification_summary/v1");
}

}  // namespace statehouse
