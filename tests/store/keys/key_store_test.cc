#include "store/keys/key_store.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "crypto/base/entropy.h"
#include "crypto/base/subprocess.h"
#include "crypto/openpgp.h"
#include "crypto/sshsig.h"
#include "crypto/trust.h"

namespace statehouse {

namespace {

/// Fails one step by name.
class OneFailingStep final : public DurableSteps {
 public:
  Result<> before(std::string_view name) override {
    if (name == step) return internal_error("injected failure");
    return {};
  }
  Result<> after(std::string_view /*name*/) override { return {}; }
  std::string step;
};

/// Keys in a short-named temporary directory (GnuPG's socket paths are limited).
class KeysFixture {
 public:
  KeysFixture() : directory_(*TemporaryDirectory::create("/tmp", "k")) {}
  ~KeysFixture() {
    (void)run_subprocess(
        {.arguments = {"gpgconf", "--homedir", (keys() / "openpgp").string(), "--kill", "all"},
         .environment = minimal_environment()});
  }

  [[nodiscard]] Path keys() const { return directory_.path() / "keys"; }
  Result<std::unique_ptr<KeyStore>> create() {
    return KeyStore::create(keys(), "example.com/store", entropy, steps);
  }
  [[nodiscard]] ErrorCode open_error() const {
    const auto opened = KeyStore::open(keys());
    REQUIRE_FALSE(opened);
    return opened.error().code;
  }
  void set_mode(const std::string& name, mode_t mode) const {
    REQUIRE(::chmod((keys() / name).c_str(), mode) == 0);
  }
  void write(const std::string& name, std::string_view text) {
    REQUIRE(write_file_durably(keys() / name, text, 0600, steps, "x"));
  }

  SystemEntropy entropy;
  OneFailingStep steps;

 private:
  TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE_FIXTURE(KeysFixture, "keys that others could have read or changed are refused") {
  REQUIRE(create());
  for (const char* name : {"log", "statements", "attestations", "sealing-ssh"}) {
    CAPTURE(name);
    for (const mode_t mode : {0640, 0604, 0644, 0660, 0700, 0400}) {
      set_mode(name, mode);
      CHECK(open_error() == ErrorCode::kDenied);
    }
    set_mode(name, 0600);
  }
  for (const char* name : {"", "openpgp"}) {
    set_mode(name, 0750);
    CHECK(open_error() == ErrorCode::kDenied);
    set_mode(name, 0700);
  }
  CHECK(KeyStore::open(keys()));
}

TEST_CASE_FIXTURE(KeysFixture, "a key behind a symbolic link is refused") {
  REQUIRE(create());
  std::filesystem::rename(keys() / "log", keys() / "elsewhere");
  std::filesystem::create_symlink(keys() / "elsewhere", keys() / "log");
  CHECK(open_error() == ErrorCode::kDenied);
}

TEST_CASE_FIXTURE(KeysFixture, "missing and damaged keys are named as such") {
  REQUIRE(create());
  const std::string good = *read_file(keys() / "log", 100);
  for (const std::string& bad : {std::string(), std::string("\n"), good.substr(0, 20) + "\n",
                                 good.substr(0, good.size() - 1), good + "x", " " + good}) {
    write("log", bad);
    CHECK(open_error() == ErrorCode::kCorrupt);
  }
  write("log", good);
  write("sealing-ssh", good);
  CHECK(open_error() == ErrorCode::kCorrupt);
  std::filesystem::remove(keys() / "log");
  CHECK(open_error() == ErrorCode::kNotFound);
}

TEST_CASE_FIXTURE(KeysFixture, "keys are never made over existing ones") {
  REQUIRE(create());
  CHECK(create().error().code == ErrorCode::kConflict);
}

TEST_CASE("making the keys reports the step that failed") {
  for (const char* step : {"keys.log.sync", "keys.sealing-ssh.rename", "keys.openpgp.sync",
                           "keys.root.sync-directory"}) {
    CAPTURE(step);
    KeysFixture f;
    f.steps.step = step;
    CHECK_FALSE(f.create());
  }
}

TEST_CASE_FIXTURE(KeysFixture,
                  "opened keys are the made ones, and the root key may be moved away") {
  const auto made = *create();
  CHECK(made->root_key_present());
  const auto root = parse_root_key_file(*read_file(KeyStore::root_key_path(keys()), 4096));
  CHECK(root->origin == "example.com/store");
  std::filesystem::remove(KeyStore::root_key_path(keys()));
  const auto opened = *KeyStore::open(keys());
  CHECK_FALSE(opened->root_key_present());
  CHECK(opened->log_key().public_key() == made->log_key().public_key());
  CHECK(opened->statement_key().public_key() == made->statement_key().public_key());
  CHECK(opened->attestation_key().public_key() == made->attestation_key().public_key());
  CHECK(opened->log_key().public_key() != opened->statement_key().public_key());
  CHECK(opened->sealing_public_keys().ssh_public_key == made->sealing_public_keys().ssh_public_key);
}

TEST_CASE_FIXTURE(KeysFixture, "seals of both formats verify by their public keys") {
  const auto store = *create();
  const std::string payload = "tree 0000\n\nPromote\n";
  const auto ssh = verify_ssh_signature(payload, *store->seal(payload, SealFormat::kSsh), "git");
  REQUIRE(ssh);
  CHECK(ssh->key().fingerprint() == store->sealing_public_keys().ssh_fingerprint);
  const auto ring = OpenPgpKeyring::create(keys().parent_path() / "r",
                                           {store->sealing_public_keys().openpgp_public_key});
  REQUIRE(ring);
  const auto judged = ring->verify(payload, *store->seal(payload, SealFormat::kOpenPgp));
  CHECK(judged->verdict == OpenPgpVerdict::kGood);
  CHECK(judged->verified->primary_fingerprint() ==
        store->sealing_public_keys().openpgp_fingerprint);
}

}  // namespace statehouse
