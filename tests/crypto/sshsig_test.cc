#include "crypto/sshsig.h"

#include <doctest/doctest.h>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"
#include "crypto/ssh_wire.h"
#include "tests/crypto/fixture.h"
#include "tests/crypto/vectors.h"

namespace statehouse {

namespace {

constexpr std::string_view kMessage = "the message\n";

std::string armor(std::string_view blob, std::size_t columns = 70) {
  std::string text = "-----BEGIN SSH SIGNATURE-----\n";
  const std::string body = base64_encode(blob);
  for (std::size_t i = 0; i < body.size(); i += columns) text += body.substr(i, columns) + "\n";
  return text + "-----END SSH SIGNATURE-----\n";
}

/// The fields of an SSHSIG blob, each of which a test may spoil.
struct Fields {
  std::string magic = "SSHSIG";
  std::uint32_t version = 1;
  std::string key = SshPublicKey::from_ed25519(test_key().public_key()).blob();
  std::string name_space = "git";
  std::string reserved;
  std::string hash = "sha512";
  std::string signature_type = "ssh-ed25519";
  std::string signature_tail;
  std::string blob_tail;

  [[nodiscard]] std::string blob() const {
    // OpenSSH checks the signature with an empty reserved field, whatever the blob says.
    std::string bytes = "SSHSIG";
    for (const std::string& field : {name_space, std::string(), hash})
      append_ssh_string(bytes, field);
    append_ssh_string(bytes, hash == "sha256" ? sha256(kMessage) : sha512(kMessage));
    std::string signature;
    append_ssh_string(signature, signature_type);
    append_ssh_string(signature, test_key().sign(bytes));
    std::string out = magic;
    append_ssh_uint32(out, version);
    for (const std::string& field : {key, name_space, reserved, hash, signature + signature_tail}) {
      append_ssh_string(out, field);
    }
    return out + blob_tail;
  }
};

bool verifies(std::string_view armored, std::string_view name_space = "git") {
  return verify_ssh_signature(kMessage, armored, name_space).has_value();
}

/// True when only the change made by `spoil` makes the signature fail.
template <typename Spoil>
bool is_refused(Spoil spoil) {
  Fields fields;
  REQUIRE(verifies(armor(fields.blob())));
  spoil(fields);
  return !verifies(armor(fields.blob()), fields.name_space);
}

}  // namespace

TEST_CASE("each field of the blob that is not as it must be refuses the signature") {
  CHECK(is_refused([](Fields& f) { f.magic = "SSHSIH"; }));
  CHECK(is_refused([](Fields& f) { f.version = 0; }));
  CHECK(is_refused([](Fields& f) { f.version = 2; }));
  CHECK(is_refused([](Fields& f) { f.reserved = "x"; }));
  CHECK(is_refused([](Fields& f) { f.name_space = ""; }));
  CHECK(is_refused([](Fields& f) { f.hash = "sha1"; }));
  CHECK(is_refused([](Fields& f) { f.hash = ""; }));
  CHECK(is_refused([](Fields& f) { f.blob_tail = "x"; }));
  CHECK(is_refused([](Fields& f) { f.signature_tail = "x"; }));
  CHECK(is_refused([](Fields& f) { f.signature_type = "ssh-ed25519-cert-v01@openssh.com"; }));
  CHECK(is_refused([](Fields& f) { f.signature_type = "rsa-sha2-512"; }));
  CHECK(is_refused([](Fields& f) { f.key += "x"; }));
  CHECK(is_refused(
      [](Fields& f) { f.key = SshPublicKey::from_ed25519(test_key(2).public_key()).blob(); }));
}

TEST_CASE("a certificate or an unknown key type is unsupported") {
  Fields fields;
  fields.key.clear();
  append_ssh_string(fields.key, "ssh-ed25519-cert-v01@openssh.com");
  const auto verdict = verify_ssh_signature(kMessage, armor(fields.blob()), "git");
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().code == ErrorCode::kUnverified);
  CHECK(verdict.error().message.find("unsupported") != std::string::npos);
}

TEST_CASE("armor that is not exact is refused") {
  const std::string good = sign_sshsig(kMessage, "git", test_key());
  REQUIRE(verifies(good));
  REQUIRE(verifies(good.substr(0, good.size() - 1)));  // without the final LF
  const std::string blob = Fields().blob();
  for (const std::string& bad :
       {std::string(), "x" + good, "\n" + good, good + "\n", good + "x", good + good,
        replaced(good, "\n", "\r\n"), replaced(good, "\n", "\n\n"), replaced(good, "\n", " \n"),
        armor(blob, 64), armor(blob, 71), armor(blob, 10'000), replaced(good, "U1NI", "\nU1NI"),
        replaced(good, "-----END", "\n-----END"), replaced(good, "BEGIN SSH", "BEGIN PGP"),
        replaced(good, "U1NI", "U1N=")}) {
    CAPTURE(bad);
    CHECK_FALSE(verifies(bad));
  }
}

TEST_CASE("lines may be 70 or 76 characters long") {
  CHECK(verifies(armor(Fields().blob(), 70)));
  CHECK(verifies(armor(Fields().blob(), 76)));
}

TEST_CASE("another message, namespace or key is refused") {
  const std::string good = sign_sshsig(kMessage, "git", test_key());
  CHECK_FALSE(verify_ssh_signature("the message", good, "git"));
  CHECK_FALSE(verifies(good, "file"));
  CHECK_FALSE(verifies(good, "approval@statehouse"));
  CHECK_FALSE(verifies(good, ""));
}

TEST_CASE("a verified signature names its key, for both hashes") {
  for (const char* hash : {"sha256", "sha512"}) {
    Fields fields;
    fields.hash = hash;
    const auto verified = verify_ssh_signature(kMessage, armor(fields.blob()), "git");
    REQUIRE(verified);
    CHECK(verified->key().ed25519().value() == test_key().public_key());
    CHECK_FALSE(verified->user_present());
  }
}

TEST_CASE("OpenSSH's own signatures of every supported type verify, and only over their data") {
  const auto folder = vectors_folder("sshsig");
  if (!folder) return;
  const std::string data = read_vector(*folder / "signed-data");
  for (const char* name :
       {"ecdsa", "ecdsa_sk", "ecdsa_sk_webauthn", "ed25519", "ed25519_sk", "rsa"}) {
    CAPTURE(name);
    const std::string signature = read_vector(*folder / (std::string(name) + ".sig"));
    const auto verified = verify_ssh_signature(data, signature, "unittest");
    if (!verified) MESSAGE(verified.error().message);
    REQUIRE(verified);
    const std::string key = read_vector(*folder / (std::string(name) + ".pub"));
    CHECK(verified->key() == SshPublicKey::parse_line(key).value());
    CHECK_FALSE(verify_ssh_signature(data + "x", signature, "unittest"));
    CHECK_FALSE(verify_ssh_signature(data, signature, "git"));
  }
}

TEST_CASE("OpenSSH's composite post-quantum type is unsupported, not an accident") {
  const auto folder = vectors_folder("sshsig");
  if (!folder) return;
  const auto verdict =
      verify_ssh_signature(read_vector(*folder / "signed-data"),
                           read_vector(*folder / "mldsa44-ed25519.sig"), "unittest");
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().message.find("unsupported") != std::string::npos);
}

TEST_CASE("a bit flipped anywhere in a FIDO signature refuses it") {
  const auto folder = vectors_folder("sshsig");
  if (!folder) return;
  const std::string data = read_vector(*folder / "signed-data");
  for (const char* name : {"ecdsa_sk", "ecdsa_sk_webauthn", "ed25519_sk"}) {
    const std::string armored = read_vector(*folder / (std::string(name) + ".sig"));
    const SshSignature parsed = parse_ssh_signature(armored).value();
    std::string blob = "SSHSIG";
    append_ssh_uint32(blob, 1);
    for (const std::string& field : {parsed.public_key_blob, parsed.signature_namespace,
                                     std::string(), parsed.hash_algorithm, parsed.signature_blob}) {
      append_ssh_string(blob, field);
    }
    REQUIRE(verify_ssh_signature(data, armor(blob), "unittest"));
    for (std::size_t at = 0; at < blob.size(); ++at) {
      std::string altered = blob;
      altered[at] = static_cast<char>(altered[at] ^ 1);
      CAPTURE(at);
      CHECK_FALSE(verify_ssh_signature(data, armor(altered), "unittest"));
    }
  }
}

TEST_CASE("a FIDO signature without a touch is refused, and verified users are reported") {
  const auto sk_signature = [](char flags) {
    const Ed25519PublicKey public_key = test_key().public_key();
    std::string key;
    for (const std::string_view field : {std::string_view("sk-ssh-ed25519@openssh.com"),
                                         public_key.bytes(), std::string_view("ssh:")}) {
      append_ssh_string(key, field);
    }
    std::string bytes = "SSHSIG";
    for (const std::string& field : {std::string("git"), std::string(), std::string("sha512")}) {
      append_ssh_string(bytes, field);
    }
    append_ssh_string(bytes, sha512(kMessage));
    const std::string middle = std::string(1, flags) + std::string("\0\0\0\7", 4);
    std::string signature;
    append_ssh_string(signature, "sk-ssh-ed25519@openssh.com");
    append_ssh_string(signature, test_key().sign(sha256("ssh:") + middle + sha256(bytes)));
    signature += middle;
    std::string blob = "SSHSIG";
    append_ssh_uint32(blob, 1);
    for (const std::string& field :
         {key, std::string("git"), std::string(), std::string("sha512"), signature}) {
      append_ssh_string(blob, field);
    }
    return verify_ssh_signature(kMessage, armor(blob), "git");
  };
  CHECK_FALSE(sk_signature('\x00'));
  CHECK_FALSE(sk_signature('\x04'));
  CHECK(sk_signature('\x01').value().user_present());
  CHECK_FALSE(sk_signature('\x01').value().user_verified());
  CHECK(sk_signature('\x05').value().user_verified());
}

TEST_CASE("ssh-keygen verifies what we sign, and signs the same bytes") {
  const TemporaryDirectory folder = scratch();
  const SshPublicKey key = SshPublicKey::from_ed25519(test_key().public_key());
  const std::string ours = sign_sshsig(kMessage, "git", test_key());
  put_file(folder.path() / "key", format_openssh_private_key(test_key(), "c", FixedEntropy()));
  put_file(folder.path() / "signers", "alice " + key.line() + "\n");
  put_file(folder.path() / "sig", ours);
  CHECK(
      run(folder.path(),
          {"ssh-keygen", "-Y", "verify", "-n", "git", "-f", "signers", "-I", "alice", "-s", "sig"},
          std::string(kMessage))
          .succeeded());
  CHECK(run(folder.path(), {"ssh-keygen", "-Y", "sign", "-n", "git", "-f", "key"},
            std::string(kMessage))
            .stdout_bytes == ours);
}

TEST_CASE("we verify what ssh-keygen signs with every software key type") {
  const TemporaryDirectory folder = scratch();
  for (const auto& [type, bits] : {std::pair{"ed25519", "256"},
                                   {"rsa", "3072"},
                                   {"ecdsa", "256"},
                                   {"ecdsa", "384"},
                                   {"ecdsa", "521"}}) {
    CAPTURE(type);
    const std::string file = std::string(type) + bits;
    REQUIRE(run(folder.path(), {"ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "", "-f", file})
                .succeeded());
    const std::string armored =
        run(folder.path(), {"ssh-keygen", "-Y", "sign", "-n", "git", "-f", file},
            std::string(kMessage))
            .stdout_bytes;
    CHECK(verifies(armored));
    CHECK_FALSE(verify_ssh_signature("other", armored, "git"));
  }
}

}  // namespace statehouse
