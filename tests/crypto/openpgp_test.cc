#include "crypto/openpgp.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "crypto/git_object.h"
#include "tests/crypto/fixture.h"

namespace statehouse {

namespace {

constexpr std::string_view kPayload = "what was signed\n";

/// Somebody's own GnuPG: makes keys and signatures of every kind with stock gpg.
class Gpg {
 public:
  Gpg() { put_file(home() / "gpg.conf", "batch\nno-tty\npinentry-mode loopback\n"); }
  Gpg(const Gpg&) = delete;
  Gpg& operator=(const Gpg&) = delete;
  ~Gpg() { run(home(), {"gpgconf", "--homedir", home().string(), "--kill", "all"}); }

  std::string operator()(std::vector<std::string> arguments, std::string input = {}) const {
    arguments.insert(arguments.begin(), {"gpg", "--homedir", home().string()});
    const SubprocessResult result = run(home(), std::move(arguments), std::move(input));
    if (!result.succeeded()) MESSAGE(result.stderr_bytes);
    REQUIRE(result.succeeded());
    return result.stdout_bytes;
  }

  /// A new key; `algorithm` and `expires` as --quick-generate-key takes them.
  void make_key(const std::string& name, const std::string& algorithm = "ed25519",
                const std::string& expires = "never", std::vector<std::string> more = {}) const {
    more.insert(more.end(),
                {"--passphrase", "", "--quick-generate-key", name, algorithm, "sign", expires});
    (*this)(std::move(more));
  }

  [[nodiscard]] std::string fingerprint(const std::string& name) const {
    const std::string list = (*this)({"--with-colons", "--list-keys", name});
    return list.substr(list.find("fpr:::::::::") + 12, 40);
  }

  [[nodiscard]] std::string exported(const std::string& name) const {
    return (*this)({"--armor", "--export", name});
  }

  [[nodiscard]] std::string signature(const std::string& name,
                                      std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--armor", "--detach-sign", "-u", name});
    return (*this)(std::move(more), std::string(kPayload));
  }

  [[nodiscard]] const Path& home() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_ = scratch();
};

OpenPgpJudgement judge(const Gpg& gpg, const std::vector<std::string>& keys,
                       std::string_view signature, std::string_view payload = kPayload) {
  const TemporaryDirectory folder = TemporaryDirectory::create(gpg.home(), "r").value();
  const auto ring = OpenPgpKeyring::create(folder.path() / "h", keys);
  if (!ring) MESSAGE(ring.error().message);
  REQUIRE(ring);
  const auto judged = ring->verify(payload, signature).value();
  CHECK(judged.verified.has_value() == (judged.verdict == OpenPgpVerdict::kGood));
  CHECK(judged.reason.empty() == (judged.verdict == OpenPgpVerdict::kGood));
  return judged;
}

const std::string kPast = "20200101T000000";

}  // namespace

TEST_CASE("only exactly one good detached signature by a key in the ring is good") {
  const Gpg gpg;
  gpg.make_key("alice");
  gpg.make_key("bob");
  const std::string alice = gpg.exported("alice");
  const std::string good = gpg.signature("alice");
  const OpenPgpJudgement judged = judge(gpg, {alice, gpg.exported("bob")}, good);
  REQUIRE(judged.verdict == OpenPgpVerdict::kGood);
  CHECK(judged.verified->primary_fingerprint() == gpg.fingerprint("alice"));
  CHECK(judged.verified->signing_fingerprint() == gpg.fingerprint("alice"));
  CHECK(judged.verified->created() > Timestamp::from_unix_seconds(1'600'000'000));

  CHECK(judge(gpg, {alice}, good, "other").verdict == OpenPgpVerdict::kBadSignature);
  CHECK(judge(gpg, {alice}, good, "").verdict == OpenPgpVerdict::kBadSignature);
  CHECK(judge(gpg, {gpg.exported("bob")}, good).verdict == OpenPgpVerdict::kUnknownKey);
  CHECK(judge(gpg, {}, good).verdict == OpenPgpVerdict::kUnknownKey);
  const std::string both = gpg.signature("alice", {"-u", "bob"});
  CHECK(judge(gpg, {alice, gpg.exported("bob")}, both).verdict == OpenPgpVerdict::kMalformed);
  for (const std::string& bad :
       {std::string(), std::string("x"), good + good, "x" + good, good + "x",
        replaced(good, "iHUE", "iHUF"), replaced(good, "SIGNATURE", "MESSAGE"),
        good.substr(0, good.size() / 2),
        std::string("-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n"),
        std::string("-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n")}) {
    CAPTURE(bad);
    CHECK(judge(gpg, {alice}, bad).verdict == OpenPgpVerdict::kMalformed);
  }
}

TEST_CASE("an inline-signed message is not a detached signature, even in its armor") {
  const Gpg gpg;
  gpg.make_key("alice");
  const std::string message = gpg({"--armor", "--sign", "-u", "alice"}, std::string(kPayload));
  CHECK(judge(gpg, {gpg.exported("alice")}, message).verdict == OpenPgpVerdict::kMalformed);
  std::string disguised = message;
  while (disguised.find("PGP MESSAGE") != std::string::npos) {
    disguised = replaced(disguised, "PGP MESSAGE", "PGP SIGNATURE");
  }
  CHECK(judge(gpg, {gpg.exported("alice")}, disguised).verdict != OpenPgpVerdict::kGood);
  CHECK(judge(gpg, {gpg.exported("alice")}, disguised, "").verdict != OpenPgpVerdict::kGood);
}

TEST_CASE("a signature by a revoked key is not good, though gpg itself exits 0") {
  const Gpg gpg;
  gpg.make_key("alice");
  const std::string signature = gpg.signature("alice");
  REQUIRE(judge(gpg, {gpg.exported("alice")}, signature).verdict == OpenPgpVerdict::kGood);
  const Path certificate = gpg.home() / "openpgp-revocs.d" / (gpg.fingerprint("alice") + ".rev");
  gpg({"--import"}, replaced(read_file(certificate, 65'536).value(), ":-----BEGIN", "-----BEGIN"));
  put_file(gpg.home() / "payload", kPayload);
  gpg({"--verify", "-", (gpg.home() / "payload").string()}, signature);
  CHECK(judge(gpg, {gpg.exported("alice")}, signature).verdict == OpenPgpVerdict::kRevokedKey);
}

TEST_CASE("a signature by an expired key is not good, though it was made in time") {
  const Gpg gpg;
  const std::vector<std::string> then = {"--faked-system-time", kPast};
  gpg.make_key("alice", "ed25519", "1d", then);
  const std::string signature = gpg.signature("alice", then);
  CHECK(judge(gpg, {gpg.exported("alice")}, signature).verdict == OpenPgpVerdict::kExpiredKey);
}

TEST_CASE("an expired signature, and one from the future, are not good") {
  const Gpg gpg;
  const std::vector<std::string> then = {"--faked-system-time", kPast};
  gpg.make_key("alice", "ed25519", "never", then);
  const std::string alice = gpg.exported("alice");
  const std::string expired =
      gpg.signature("alice", {"--faked-system-time", kPast, "--default-sig-expire", "1d"});
  CHECK(judge(gpg, {alice}, expired).verdict == OpenPgpVerdict::kExpiredSignature);
  const std::string future = gpg.signature("alice", {"--faked-system-time", "20990101T000000"});
  CHECK(judge(gpg, {alice}, future).verdict != OpenPgpVerdict::kGood);
  CHECK(judge(gpg, {alice}, gpg.signature("alice", then)).verdict == OpenPgpVerdict::kGood);
}

TEST_CASE("weak hashes and short keys are not good") {
  const Gpg gpg;
  gpg.make_key("alice", "rsa2048");
  gpg.make_key("short", "rsa1024");
  const std::string alice = gpg.exported("alice");
  for (const char* hash : {"SHA1", "RIPEMD160", "SHA224"}) {
    CAPTURE(hash);
    const OpenPgpJudgement judged =
        judge(gpg, {alice}, gpg.signature("alice", {"--digest-algo", hash}));
    CHECK(judged.verdict != OpenPgpVerdict::kGood);
  }
  for (const char* hash : {"SHA256", "SHA384", "SHA512"}) {
    CHECK(judge(gpg, {alice}, gpg.signature("alice", {"--digest-algo", hash})).verdict ==
          OpenPgpVerdict::kGood);
  }
  CHECK(judge(gpg, {gpg.exported("short")}, gpg.signature("short", {"--digest-algo", "SHA256"}))
            .verdict == OpenPgpVerdict::kWeak);
}

TEST_CASE("elliptic curve keys are good, DSA is not") {
  const Gpg gpg;
  gpg.make_key("nist", "nistp256");
  gpg.make_key("dsa", "dsa2048");
  CHECK(judge(gpg, {gpg.exported("nist")}, gpg.signature("nist")).verdict == OpenPgpVerdict::kGood);
  CHECK(judge(gpg, {gpg.exported("dsa")}, gpg.signature("dsa")).verdict == OpenPgpVerdict::kWeak);
}

TEST_CASE("a signing subkey speaks for its primary key") {
  const Gpg gpg;
  gpg.make_key("alice");
  gpg({"--passphrase", "", "--quick-add-key", gpg.fingerprint("alice"), "rsa2048", "sign",
       "never"});
  const OpenPgpJudgement judged = judge(gpg, {gpg.exported("alice")}, gpg.signature("alice"));
  REQUIRE(judged.verdict == OpenPgpVerdict::kGood);
  CHECK(judged.verified->primary_fingerprint() == gpg.fingerprint("alice"));
  CHECK(judged.verified->signing_fingerprint() != gpg.fingerprint("alice"));
}

TEST_CASE("what is not exactly one public key is refused") {
  const Gpg gpg;
  gpg.make_key("alice");
  gpg.make_key("bob");
  const std::string alice = gpg.exported("alice");
  const std::string secret = gpg({"--armor", "--passphrase", "", "--export-secret-keys", "alice"});
  const std::string two = gpg({"--armor", "--export", "alice", "bob"});
  const auto inspect = [&](std::string_view key) { return inspect_openpgp_key(key, gpg.home()); };
  CHECK(inspect(alice));
  CHECK(inspect("\n" + alice + "\n\n"));
  std::string disguised = replaced(secret, "BEGIN PGP PRIVATE", "BEGIN PGP PUBLIC");
  disguised = replaced(disguised, "END PGP PRIVATE", "END PGP PUBLIC");
  for (const std::string& bad :
       {std::string(), std::string("x"), secret, disguised, two, alice + alice, "x" + alice,
        alice + "x", gpg.signature("alice"), std::string(300'000, 'x'),
        std::string("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY "
                    "BLOCK-----\n")}) {
    CAPTURE(bad.substr(0, 60));
    const auto refused = inspect(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("a key describes itself") {
  const Gpg gpg;
  gpg.make_key("Alice <alice@example.org>", "ed25519", "2y");
  const auto info = inspect_openpgp_key(gpg.exported("alice@example.org"), gpg.home()).value();
  CHECK(info.fingerprint == gpg.fingerprint("alice@example.org"));
  CHECK(info.user_ids == std::vector<std::string>{"Alice <alice@example.org>"});
  CHECK(info.subkeys.size() == 1);
  CHECK(info.subkeys[0].algorithm == "ed25519");
  CHECK(info.subkeys[0].can_sign);
  CHECK_FALSE(info.revoked);
  CHECK_FALSE(info.expired);
  CHECK(info.expires.has_value());
}

TEST_CASE("a home that exists already is a conflict") {
  const TemporaryDirectory folder = scratch();
  CHECK(OpenPgpKeyring::create(folder.path(), {}).error().code == ErrorCode::kConflict);
  CHECK(OpenPgpSigner::generate(folder.path(), "Store <s@example.com>").error().code ==
        ErrorCode::kConflict);
}

TEST_CASE("the store's signer makes commits that git verifies and we judge good") {
  const TemporaryDirectory folder = scratch();
  const auto signer = OpenPgpSigner::generate(folder.path() / "s", "Store <store@example.com>");
  if (!signer) MESSAGE(signer.error().message);
  REQUIRE(signer);
  const GitPerson store{"Store", "store@example.com", 1767225600, "+0000"};
  const std::string payload =
      build_commit_payload({"4b825dc642cb6eb9a060e54bf8d69288fbee4904", {}, store, store, "seal\n"})
          .value();
  const std::string raw = attach_signature(payload, signer->sign(payload).value()).value();
  const std::string key = signer->export_public_key().value();

  const auto ring = OpenPgpKeyring::create(folder.path() / "r", {key});
  const GitSignatureSplit split = split_commit(raw);
  REQUIRE(split.state == GitSignatureState::kSigned);
  CHECK(split.signed_payload.format == GitSignatureFormat::kOpenPgp);
  const OpenPgpJudgement judged =
      ring->verify(split.signed_payload.payload, split.signed_payload.signature).value();
  REQUIRE(judged.verdict == OpenPgpVerdict::kGood);
  CHECK(judged.verified->primary_fingerprint() == signer->fingerprint());

  REQUIRE(run(folder.path(), {"git", "init", "-q", "g"}).succeeded());
  std::string id =
      run(folder.path() / "g", {"git", "hash-object", "-t", "commit", "-w", "--stdin"}, raw)
          .stdout_bytes;
  id.pop_back();
  CHECK(run(folder.path() / "g", {"git", "verify-commit", id}, "",
            {{"GNUPGHOME", (folder.path() / "r").string()}})
            .succeeded());
}

TEST_CASE("a signer opened again is the same signer, also at a long path") {
  const TemporaryDirectory folder = scratch();
  const Path parent = folder.path() / std::string(100, 'p');
  REQUIRE(make_directories(parent));
  std::string fingerprint;
  {
    const auto made = OpenPgpSigner::generate(parent / "signer", "Store <store@example.com>");
    if (!made) MESSAGE(made.error().message);
    REQUIRE(made);
    fingerprint = made->fingerprint();
  }
  const auto opened = OpenPgpSigner::open(parent / "signer");
  REQUIRE(opened);
  CHECK(opened->fingerprint() == fingerprint);
  CHECK(opened->sign("x"));
  CHECK(OpenPgpSigner::open(parent / "none").error().code == ErrorCode::kNotFound);
  CHECK(OpenPgpSigner::open(parent).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("one ring judges from many threads at once") {
  const TemporaryDirectory folder = scratch();
  const auto signer = OpenPgpSigner::generate(folder.path() / "s", "Store <store@example.com>");
  REQUIRE(signer);
  const std::string signature = signer->sign(kPayload).value();
  const auto ring =
      OpenPgpKeyring::create(folder.path() / "r", {signer->export_public_key().value()});
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 4; ++k) {
        const auto judged = ring->verify(kPayload, signature);
        if (judged && judged->verdict == OpenPgpVerdict::kGood) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 16);
}

}  // namespace statehouse
