#include "crypto/ssh_key.h"

#include <doctest/doctest.h>

#include "crypto/base/encoding.h"
#include "crypto/ssh_wire.h"
#include "tests/crypto/fixture.h"
#include "tests/crypto/vectors.h"

namespace statehouse {

namespace {

std::string ed25519_blob(std::string_view type = "ssh-ed25519", std::size_t key_bytes = 32) {
  std::string blob;
  append_ssh_string(blob, type);
  append_ssh_string(blob, std::string(key_bytes, 'k'));
  return blob;
}

std::string line(std::string_view type, std::string_view blob) {
  return std::string(type) + " " + base64_encode(blob);
}

}  // namespace

TEST_CASE("lines that are not exactly one plain public key are refused") {
  const std::string good = line("ssh-ed25519", ed25519_blob());
  REQUIRE(SshPublicKey::parse_line(good));
  for (const std::string& bad :
       {std::string(), std::string("ssh-ed25519"), std::string("ssh-ed25519 "), " " + good,
        "no-pty " + good, good + "\n\n", good + "\nssh-rsa AAAA", good + std::string(1, '\0'),
        replaced(good, " ", "  "), replaced(good, "ssh-ed25519", "ssh-rsa"),
        line("ssh-ed25519", ed25519_blob() + "x"), line("ssh-ed25519", ed25519_blob().substr(1)),
        line("ssh-ed25519", ed25519_blob("ssh-ed25519", 31)),
        line("ssh-dss", ed25519_blob("ssh-dss")), good.substr(0, good.size() - 1)}) {
    CAPTURE(bad);
    CHECK_FALSE(SshPublicKey::parse_line(bad));
  }
}

TEST_CASE("a certificate is unsupported, not a key") {
  const std::string type = "ssh-ed25519-cert-v01@openssh.com";
  const auto key = SshPublicKey::parse_line(line(type, ed25519_blob(type)));
  REQUIRE_FALSE(key);
  CHECK(key.error().code == ErrorCode::kUnverified);
  CHECK(key.error().message.find("unsupported") != std::string::npos);
}

TEST_CASE("a line reads back without its comment") {
  const SshPublicKey key = SshPublicKey::from_ed25519(test_key().public_key());
  CHECK(SshPublicKey::parse_line(key.line() + " alice@example.org (work)\n").value() == key);
  CHECK(key.ed25519().value() == test_key().public_key());
  CHECK(key.application().empty());
}

TEST_CASE("every key type of OpenSSH's test data is read, save those we call unsupported") {
  const auto folder = vectors_folder("sshsig");
  if (!folder) return;
  for (const char* name :
       {"ecdsa", "ecdsa_sk", "ecdsa_sk_webauthn", "ed25519", "ed25519_sk", "rsa"}) {
    CAPTURE(name);
    const std::string file = read_vector(*folder / (std::string(name) + ".pub"));
    const auto key = SshPublicKey::parse_line(file);
    REQUIRE(key);
    CHECK(file.starts_with(key->line()));
  }
  CHECK(SshPublicKey::parse_line(read_vector(*folder / "ecdsa_sk.pub"))->application() == "ssh:");
  const auto unknown = SshPublicKey::parse_line(read_vector(*folder / "mldsa44-ed25519.pub"));
  CHECK(unknown.error().code == ErrorCode::kUnverified);
}

TEST_CASE("fingerprints and lines are those of ssh-keygen, for every type it can make") {
  const TemporaryDirectory folder = scratch();
  for (const auto& [type, bits] : {std::pair{"ed25519", "256"},
                                   {"rsa", "2048"},
                                   {"ecdsa", "256"},
                                   {"ecdsa", "384"},
                                   {"ecdsa", "521"}}) {
    const std::string file = (folder.path() / (std::string(type) + bits)).string();
    REQUIRE(run(folder.path(), {"ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "", "-f", file})
                .succeeded());
    const auto key = SshPublicKey::parse_line(read_vector(file + ".pub"));
    REQUIRE(key);
    const std::string shown = run(folder.path(), {"ssh-keygen", "-l", "-f", file}).stdout_bytes;
    CHECK(shown.find(" " + key->fingerprint() + " ") != std::string::npos);
  }
}

TEST_CASE("an RSA key of 1,024 bits is refused") {
  const TemporaryDirectory folder = scratch();
  const std::string file = (folder.path() / "short").string();
  REQUIRE(run(folder.path(), {"ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", file})
              .succeeded());
  CHECK_FALSE(SshPublicKey::parse_line(read_vector(file + ".pub")));
}

TEST_CASE("a private key that we write is the key that ssh-keygen reads") {
  const TemporaryDirectory folder = scratch();
  const Path file = folder.path() / "key";
  put_file(file, format_openssh_private_key(test_key(), "statehouse", FixedEntropy()));
  const SubprocessResult shown = run(folder.path(), {"ssh-keygen", "-y", "-f", file.string()});
  REQUIRE(shown.succeeded());
  CHECK(shown.stdout_bytes ==
        SshPublicKey::from_ed25519(test_key().public_key()).line() + " statehouse\n");
}

TEST_CASE(
    "a private key that ssh-keygen writes is read, unless it has a passphrase or another type") {
  const TemporaryDirectory folder = scratch();
  const auto made = [&](const char* type, const char* passphrase) {
    const Path file = folder.path() / (std::string(type) + passphrase);
    REQUIRE(run(folder.path(), {"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-f", file})
                .succeeded());
    return file;
  };
  const Path file = made("ed25519", "");
  const auto key = parse_openssh_private_key(read_vector(file));
  REQUIRE(key);
  CHECK(SshPublicKey::from_ed25519(key->public_key()) ==
        SshPublicKey::parse_line(read_vector(file.string() + ".pub")).value());
  CHECK(parse_openssh_private_key(read_vector(made("ed25519", "secret")))
            .error()
            .message.find("passphrase") != std::string::npos);
  CHECK_FALSE(parse_openssh_private_key(read_vector(made("ecdsa", ""))));
}

TEST_CASE("private key files with anything wrong are refused") {
  const std::string good = format_openssh_private_key(test_key(), "c", FixedEntropy());
  REQUIRE(parse_openssh_private_key(good));
  const std::string other = format_openssh_private_key(test_key(2), "c", FixedEntropy());
  for (const std::string& bad :
       {std::string(), good + "x", "x" + good, replaced(good, "BEGIN OPENSSH", "BEGIN RSA"),
        replaced(good, "-----END", "-----FIN"), replaced(good, "b3Bl", "c3Bl"),
        good.substr(0, 200) + other.substr(200), replaced(good, "\n", "\r\n")}) {
    CHECK_FALSE(parse_openssh_private_key(bad));
  }
}

TEST_CASE("the wire reader refuses numbers that are not canonical and positive") {
  const auto mpint = [](std::string_view digits) {
    std::string bytes;
    append_ssh_string(bytes, digits);
    return SshWireReader(bytes).positive_mpint(4).has_value();
  };
  CHECK(mpint("\x01"));
  CHECK(mpint(std::string_view("\0\x80", 2)));
  CHECK(mpint(std::string_view("\0\xff\xff\xff\xff", 5)));
  for (const std::string_view bad :
       {std::string_view(""), std::string_view("\0", 1), std::string_view("\x80"),
        std::string_view("\0\x01", 2), std::string_view("\0\0\x80", 3),
        std::string_view("\x01\0\0\0\0", 5)}) {
    CHECK_FALSE(mpint(bad));
  }
}

TEST_CASE("the wire reader refuses a string longer than what is left, and stays where it was") {
  SshWireReader reader(std::string_view("\0\0\0\x02x", 5));
  CHECK_FALSE(reader.string());
  CHECK_FALSE(reader.require_end());
  CHECK(reader.uint32().value() == 2);
}

}  // namespace statehouse
