#include "api/service/initialize.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "api/service/commit_judge.h"
#include "api/service/core.h"
#include "api/service/data_directory.h"
#include "api/service/owed_statement.h"
#include "crypto/base/encoding.h"
#include "crypto/git_object.h"
#include "crypto/trust.h"
#include "policy/evaluate.h"
#include "store/git/git_library.h"
#include "store/git/object_writer.h"
#include "store/git/ref_files.h"
#include "store/keys/key_store.h"
#include "store/ledger/ledger.h"

namespace statehouse {

namespace {

constexpr std::size_t kOriginBytesMax = 200;

bool is_origin_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view(".-_/:").contains(c);
}

/// The first `system` commit and everything it needs.
struct FirstCommit {
  Oid oid;
  std::string raw;
  VersionContent content;
};

/// A store while it is being made, in a directory that nobody else knows.
class Builder {
 public:
  Builder(const InitializeOptions& options, Path place)
      : options_(options), layout_{std::move(place)} {}

  Result<> build() {
    TRY(make_directories(layout_.archives()));
    TRY(make_directories(layout_.scratch()));
    keys_ =
        TRY(KeyStore::create(layout_.keys(), options_.origin, options_.entropy, options_.steps));
    TRY(write_trust());
    repositories_ = TRY(RepositoryStore::open(git_, layout_.root));
    TRY(repositories_->create(RepositoryName::system(), system_audit_ref().ref, options_.steps));
    const FirstCommit commit = TRY(write_first_commit());
    TRY(write_ledger(commit));
    const Oid oid = commit.oid;
    const std::array updates{RefFileUpdate{system_audit_ref().ref, oid},
                             RefFileUpdate{system_deploy_ref().ref, oid}};
    return write_ref_files(repositories_->path(RepositoryName::system()), updates, options_.steps);
  }

 private:
  Result<> write_trust() {
    const std::string file = TRY(read_file(KeyStore::root_key_path(layout_.keys()), 4096));
    const RootKeyFile root = TRY(parse_root_key_file(file));
    TrustContent content;
    content.origin = options_.origin;
    content.issued = options_.clock.now();
    content.root_keys = {root.key.public_key()};
    const auto key = [&](const Ed25519SecretKey& secret) {
      return std::vector{TrustKey{.public_key = secret.public_key(), .valid_from = content.issued}};
    };
    content.log_keys = key(keys_->log_key());
    content.statement_keys = key(keys_->statement_key());
    content.attestation_keys = key(keys_->attestation_key());
    const SealingPublicKeys& sealing = keys_->sealing_public_keys();
    content.sealing_openpgp_fingerprint = sealing.openpgp_fingerprint;
    content.sealing_openpgp_key = sealing.openpgp_public_key;
    content.sealing_ssh_fingerprint = sealing.ssh_fingerprint;
    content.sealing_ssh_key = sealing.ssh_public_key;
    trust_ = TRY(sign_trust(content, {&root.key}));
    return write_file_durably(layout_.trust(), trust_, 0644, options_.steps, "trust");
  }

  Result<FirstCommit> write_first_commit() {
    const LiveConfiguration reader(layout_.scratch());
    const Timestamp now = options_.clock.now();
    const std::vector<ConfigurationFile> files =
        TRY(default_system_files(options_.administrators, reader.inspector(), now));
    std::vector<TreeFile> tree_files;
    for (const ConfigurationFile& file : files) {
      tree_files.push_back({file.path, FileMode::kFile, file.bytes});
    }
    configuration_ = Configuration::build(files, reader.inspector()).value();
    BuiltTree tree = TRY(build_tree(tree_files));
    const GitPerson store{"Statehouse",
                          "statehouse@" + options_.origin.substr(0, options_.origin.find('/')),
                          now.unix_seconds(), "+0000"};
    const std::string payload = TRY(build_commit_payload(
        {tree.root.hex(), {}, store, store, "Initialize " + options_.origin + "\n"}));
    const std::string signature = TRY(keys_->seal(payload, SealFormat::kOpenPgp));
    FirstCommit commit;
    commit.raw = TRY(attach_signature(payload, signature));
    tree.objects.push_back({ObjectType::kCommit, commit.raw});
    const std::vector<Oid> oids = TRY(write_objects_durably(
        repositories_->path(RepositoryName::system()), tree.objects, options_.steps));
    commit.oid = oids.back();
    const PooledRepository system = TRY(repositories_->acquire(RepositoryName::system()));
    TreeDigests digests;
    const std::string tree_sha256 = TRY(digests.tree_sha256(*system, tree.root));
    commit.content = {commit.oid, "sha256:" + git_object_sha256("commit", commit.raw), tree.root,
                      "sha256:" + hex_encode(tree_sha256)};
    return commit;
  }

  Result<> write_ledger(const FirstCommit& commit) {
    const LedgerOptions ledger_options{.origin = options_.origin,
                                       .log_key = keys_->log_key(),
                                       .clock = options_.clock,
                                       .entropy = options_.entropy,
                                       .steps = options_.steps,
                                       .high_water_path = layout_.high_water()};
    const std::unique_ptr<Ledger> ledger = TRY(Ledger::create(layout_.ledger(), ledger_options));
    return ledger->commit([&](Transaction& transaction) -> Result<> {
      TRY(transaction.append(initialized_event()));
      TRY(transaction.create_repository(RepositoryName::system()));
      TRY(transaction.record_verdict(
          seal_verdict_record(commit.oid, commit.raw, transaction.time())));
      const VersionRecord audit = TRY(record_first(transaction, system_audit_ref(), commit, 0));
      const VersionRecord deploy = TRY(record_first(transaction, system_deploy_ref(), commit, 0));
      TRY(owe_statement(transaction, audit));
      TRY(owe_statement(transaction, deploy));
      return {};
    });
  }

  [[nodiscard]] EntryDraft initialized_event() const {
    EntryDraft draft{EventType::kStoreInitialized, "system", {}, Json::object(), {}};
    Json administrators = Json::array();
    for (const FirstAdministrator& administrator : options_.administrators) {
      administrators.push_back(administrator.name.str());
    }
    draft.data = {{"origin", options_.origin},
                  {"administrators", std::move(administrators)},
                  {"fourEyes", options_.administrators.size() >= 2}};
    draft.evidence.push_back({"trust", std::string(kTrustPayloadType), trust_});
    return draft;
  }

  Result<VersionRecord> record_first(Transaction& transaction, const RefKey& key,
                                     const FirstCommit& commit, VersionNumber configuration) const {
    VersionDraft draft{.key = key};
    draft.version = 1;
    draft.kind = VersionKind::kInitial;
    draft.content = commit.content;
    draft.push_id = std::string(32, '0');
    draft.commits = {.fresh = 1, .verified = 1};
    draft.configuration = configuration;
    draft.policy_digest = policy_digest(*configuration_, key);
    const RecordedVersion recorded = TRY(transaction.record_version(draft));
    TRY(transaction.clear_outbox(recorded.outbox_id));
    return recorded.version;
  }

  const InitializeOptions& options_;
  DataLayout layout_;
  GitLibrary git_;
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<RepositoryStore> repositories_;
  std::optional<Configuration> configuration_;
  std::string trust_;
};

Result<> require_free_place(const Path& data) {
  struct stat status{};
  if (::lstat(data.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return std::unexpected(errno_error("looking at " + data.string(), errno));
  }
  if (S_ISDIR(status.st_mode)) {
    const std::vector<std::string> names = TRY(list_directory(data));
    if (names.empty()) return {};
  }
  return conflict("making a store in " + data.string() + ": there is something already",
                  "name a directory that does not exist");
}

}  // namespace

Result<> require_origin(std::string_view origin) {
  const bool good = !origin.empty() && origin.size() <= kOriginBytesMax &&
                    std::ranges::all_of(origin, is_origin_character) && origin.front() != '/' &&
                    origin.back() != '/' && origin.find("//") == std::string_view::npos &&
                    origin.front() != ':' && origin.front() != '.' && origin.front() != '-';
  if (good) return {};
  return invalid_argument(
      "naming the store `" + escape_for_message(origin, 80) + "`: not an origin",
      "use a URL without its scheme, in lower case: store.example.org/prod");
}

Result<Initialized> initialize_store(const InitializeOptions& options) {
  TRY(require_origin(options.origin));
  TRY(require_free_place(options.data));
  const Path data = std::filesystem::absolute(options.data).lexically_normal();
  TRY(make_directories(data.parent_path()));
  TemporaryDirectory place =
      TRY(TemporaryDirectory::create(data.parent_path(), ".statehouse-init-"));
  TRY_WITH("making a store", Builder(options, place.path()).build());
  TRY(sync_directory(place.path()));
  // An empty directory at the destination is replaced; anything else fails.
  if (::rename(place.path().c_str(), data.c_str()) != 0) {
    return std::unexpected(errno_error("making a store in " + data.string(), errno));
  }
  TRY(sync_directory(data.parent_path()));
  const DataLayout layout{data};
  return Initialized{KeyStore::root_key_path(layout.keys()), layout.trust(),
                     options.administrators.size() >= 2};
}

}  // namespace statehouse
