#include "api/service/state_store.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "api/service/logged_facts.h"
#include "store/git/ref_files.h"

namespace statehouse {

namespace {

constexpr std::size_t kTrustBytesMax = 1U << 20;
constexpr std::chrono::minutes kScrubFirst{10};
constexpr std::chrono::hours kScrubEvery{24};

RefName default_branch_of(const Repository& declared) {
  return declared.default_branch ? *declared.default_branch
                                 : RefName::parse("refs/heads/main").value();
}

Result<> empty_directory(const Path& directory) {
  TRY(make_directories(directory));
  const std::vector<std::string> names = TRY(list_directory(directory));
  for (const std::string& name : names) TRY(remove_tree(directory / name));
  return {};
}

/// Nothing else belongs into the folder that holds `directory`.
Result<> remove_beside(const Path& directory) {
  const Path folder = directory.parent_path();
  const std::vector<std::string> names = TRY(list_directory(folder));
  for (const std::string& name : names) {
    if (name.starts_with("build-")) TRY(remove_tree(folder / name));
  }
  return {};
}

/// Leftovers of write_file_durably in the data directory itself.
Result<> remove_temporary_files(const Path& directory) {
  const std::vector<std::string> names = TRY(list_directory(directory));
  for (const std::string& name : names) {
    if (name.find(".tmp-") != std::string::npos) TRY(remove_tree(directory / name));
  }
  return {};
}

/// The ref must be one that can be served: its commit and tree are there and are what their ids
/// say.
Result<> check_tip(const GitRepository& repository, const RefState& state) {
  const GitCommit commit = TRY(repository.read_commit(state.content->commit));
  if (commit.tree != state.content->tree) {
    return corrupt("checking " + state.key.str() +
                   ": its commit has another tree than the ledger says");
  }
  TRY(repository.read_tree(commit.tree));
  return {};
}

/// Consumers believe what trust.json names: a document of other keys than ours would make
/// everything we sign worthless, and everything its author signs good.
Result<> require_own_keys(const TrustDocument& trust, const KeyStore& keys) {
  const auto names = [&](const std::vector<TrustKey>& listed, const Ed25519PublicKey& own) {
    return std::ranges::any_of(listed, [&](const TrustKey& key) {
      return key.epoch == trust.epoch() && key.public_key == own;
    });
  };
  const TrustContent& content = trust.content();
  const bool same =
      names(content.log_keys, keys.log_key().public_key()) &&
      names(content.statement_keys, keys.statement_key().public_key()) &&
      names(content.attestation_keys, keys.attestation_key().public_key()) &&
      content.sealing_openpgp_fingerprint == keys.sealing_public_keys().openpgp_fingerprint &&
      content.sealing_ssh_fingerprint == keys.sealing_public_keys().ssh_fingerprint;
  if (same) return {};
  return corrupt(
      "opening trust.json: it does not name the keys of this store",
      "find out who replaced it, and restore it from a backup or from a consumer's copy");
}

}  // namespace

Result<std::unique_ptr<StateStore>> StateStore::open(const Path& data,
                                                     const StateStoreOptions& options) {
  const Path root = std::filesystem::absolute(data).lexically_normal();
  DataDirectory directory = TRY(DataDirectory::open(root));
  const DataLayout layout = directory.layout();
  TRY(remove_temporary_files(root));
  TRY(empty_directory(layout.scratch()));
  TRY(make_directories(layout.archives()));
  TRY(remove_beside(layout.archives()));
  const std::string trust_bytes = TRY(read_file(layout.trust(), kTrustBytesMax));
  TrustDocument trust = TRY_WITH("opening trust.json", TrustDocument::pin(trust_bytes));
  std::unique_ptr<KeyStore> keys = TRY(KeyStore::open(layout.keys()));
  TRY(require_own_keys(trust, *keys));
  const LedgerOptions ledger_options{
      .origin = trust.origin(),
      .epoch = trust.epoch(),
      .log_key = keys->log_key(),
      .clock = options.clock,
      .entropy = options.entropy,
      .steps = options.steps,
      .high_water_path = options.high_water.value_or(layout.high_water())};
  std::unique_ptr<Ledger> ledger = TRY(Ledger::open(layout.ledger(), ledger_options));
  std::unique_ptr<RepositoryStore> repositories = TRY(RepositoryStore::open(options.git, root));
  std::unique_ptr<SearchIndex> index = TRY(SearchIndex::open(layout.index()));
  std::unique_ptr<StateStore> store(
      new StateStore(std::move(directory), std::move(trust), std::move(keys), std::move(ledger),
                     std::move(repositories), std::move(index), options));
  TRY(store->recover());
  return store;
}

StateStore::StateStore(DataDirectory directory, TrustDocument trust, std::unique_ptr<KeyStore> keys,
                       std::unique_ptr<Ledger> ledger,
                       std::unique_ptr<RepositoryStore> repositories,
                       std::unique_ptr<SearchIndex> index, const StateStoreOptions& options)
    : directory_(std::move(directory)),
      trust_(std::move(trust)),
      keys_(std::move(keys)),
      ledger_(std::move(ledger)),
      repositories_(std::move(repositories)),
      index_(std::move(index)),
      log_(options.log),
      configuration_(layout().scratch()),
      judge_(ledger_->read()),
      alarms_(options.clock),
      core_{options.clock, options.entropy, options.steps,  *ledger_, *repositories_,
            *keys_,        refs_,           configuration_, queue_,   judge_,
            object_rules_, tree_digests_,   alarms_},
      refusals_(*ledger_, options.clock),
      write_path_(core_, refusals_),
      fetches_(core_),
      pushes_(core_, fetches_, write_path_, refusals_),
      promotions_(core_, fetches_, write_path_, refusals_),
      archives_(core_, layout().archives(), layout().scratch()),
      statements_(core_, fetches_, archives_),
      tokens_(core_),
      housekeeper_(core_, statements_, archives_, *index_),
      scrubber_(*this, kScrubFirst, kScrubEvery) {
  alarms_.on_raise([this](const Alarm& alarm) {
    if (log_) log_("alarm: " + alarm.what + ": " + alarm.where + ": " + alarm.why);
    housekeeper_.note(alarm);
  });
  write_path_.on_moved([this](const std::vector<RecordedVersion>& recorded, bool published) {
    moved(recorded, published);
  });
}

StateStore::~StateStore() = default;

Result<> StateStore::recover() {
  if (const auto stopped = ledger_->health().stopped) {
    alarms_.raise("log", "ledger.db", stopped->message);
  }
  const FoundRows<OutboxRecord> outbox = TRY(ledger_->read().outbox());
  const FoundRows<RefState> states = TRY(ledger_->read().readable_refs());
  const FoundRows<RepositoryRecord> repositories = TRY(ledger_->read().readable_repositories());
  for (const auto* damaged : {&outbox.damaged, &states.damaged, &repositories.damaged}) {
    for (const std::string& row : *damaged) alarms_.raise("row", row, "it is not heeded");
  }
  refs_.reset(states.records);
  // Also of a repository whose own row cannot be read.
  std::set<RepositoryName> names;
  for (const RefState& state : states.records) {
    if (state.content) names.insert(state.key.repository);
  }
  for (const RepositoryRecord& repository : repositories.records) {
    if (!repository.deleted) names.insert(repository.name);
  }
  for (const RepositoryName& name : names) TRY(recover_repository(name, outbox.records));
  TRY(load_configuration());
  const Result<> reconciled = reconcile_repositories();
  if (!reconciled) alarms_.raise("repository", "system", reconciled.error().message);
  check_ref_files(core_);
  return housekeeper_.start();
}

Result<> StateStore::recover_repository(const RepositoryName& name,
                                        const std::vector<OutboxRecord>& outbox) {
  const auto snapshot = refs_.current();
  const Result<> cleaned = repositories_->remove_leftovers(name);
  auto objects = repositories_->acquire(name);
  if (!cleaned || !objects) {
    alarms_.raise("object", name.str(), (!cleaned ? cleaned.error() : objects.error()).message);
    for (const RefState* state : snapshot->of(name)) alarms_.block(state->key);
    return {};
  }
  // The outbox is the only licence to roll a ref file forward.
  std::vector<RefFileUpdate> owed;
  std::vector<std::uint64_t> done;
  for (const OutboxRecord& record : outbox) {
    if (record.kind != kOutboxPublishRefs || record.key->repository != name) continue;
    const RefState* state = snapshot->find(*record.key);
    std::erase_if(owed, [&](const RefFileUpdate& update) { return update.ref == record.key->ref; });
    owed.push_back({record.key->ref,
                    state != nullptr ? std::optional<Oid>(state->content->commit) : std::nullopt});
    done.push_back(record.id);
  }
  if (!owed.empty()) {
    TRY_WITH("rolling ref files of " + name.str() + " forward",
             write_ref_files(repositories_->path(name), owed, core_.steps));
    const Result<> cleared = ledger_->commit([&](Transaction& transaction) -> Result<> {
      for (const std::uint64_t id : done) TRY(transaction.clear_outbox(id));
      return {};
    });
    if (!cleared) alarms_.raise("outbox", name.str(), cleared.error().message);
  }
  for (const RefState* state : snapshot->of(name)) {
    const Result<> sound = check_tip(**objects, *state);
    if (sound) continue;
    alarms_.raise("object", state->key.str(), sound.error().message + "; the ref is not served");
    alarms_.block(state->key);
  }
  return {};
}

/// Puts the configuration in force that the log, not a row, says was version `version`.
Result<> StateStore::activate_as_logged(VersionNumber version, EntryIndex entry) {
  const LedgerReader& ledger = ledger_->read();
  Result<std::optional<VersionRecord>> stated =
      read_proved_version(ledger, system_deploy_ref(), version, entry);
  // A log that proves nothing signs and writes nothing either: reads are decided by the rows.
  if (!stated && ledger_->health().stopped) stated = ledger.version(system_deploy_ref(), version);
  if (!stated) return std::unexpected(std::move(stated).error());
  if (!*stated || !(*stated)->content) return not_found("that version has no configuration");
  const VersionContent& content = *(*stated)->content;
  const PooledRepository system = TRY(repositories_->acquire(RepositoryName::system()));
  TRY(require_own_tree(*system, content.commit, content.tree));
  return configuration_.activate(*system, content.tree, version);
}

Result<> StateStore::load_configuration() {
  const std::optional<RefState> newest = TRY(ledger_->read().ref(system_deploy_ref()));
  const Result<> active = newest ? activate_as_logged(newest->version, newest->entry)
                                 : not_found("there is no " + system_deploy_ref().str());
  if (active) return {};
  const std::string& problem = active.error().message;
  std::optional<VersionNumber> before;
  if (newest) before = newest->version;
  while (true) {
    const auto page = TRY(ledger_->read().versions(system_deploy_ref(), before, 50));
    for (const VersionRecord& version : page.records) {
      if (!activate_as_logged(version.version, version.entry)) continue;
      configuration_.set_stale(problem);
      alarms_.raise("configuration", system_deploy_ref().str(),
                    problem + "; reads are decided by version " + std::to_string(version.version) +
                        ", writes are refused");
      return {};
    }
    if (!page.next) break;
    before = page.next;
  }
  return corrupt("opening the store: no version of its configuration can be read: " + problem,
                 "restore the data directory from a backup");
}

Result<> StateStore::reconcile_repositories() {
  const auto active = configuration_.current();
  for (const Repository& declared : active->configuration.repositories()) {
    if (declared.name.is_system()) continue;
    const RefName branch = default_branch_of(declared);
    const auto known = TRY(ledger_->read().repository(declared.name));
    if (known) {
      if (repositories_->exists(declared.name)) {
        const auto head = read_head(repositories_->path(declared.name));
        if (head && *head == branch) continue;
        TRY(write_head(repositories_->path(declared.name), branch, core_.steps));
      }
      continue;
    }
    // The folder first: a folder without a row is taken up again, a row without a folder is not.
    if (!repositories_->exists(declared.name)) {
      TRY(repositories_->create(declared.name, branch, core_.steps));
    }
    TRY(ledger_->commit([&](Transaction& transaction) -> Result<> {
      return transaction.create_repository(declared.name);
    }));
  }
  return {};
}

void StateStore::moved(const std::vector<RecordedVersion>& recorded, bool published) {
  for (const RecordedVersion& item : recorded) {
    if (item.version.key == system_deploy_ref() && item.version.content) activate(item.version);
  }
  housekeeper_.owe(recorded, published);
}

void StateStore::activate(const VersionRecord& version) {
  const Result<> active = activate_as_logged(version.version, version.entry);
  if (!active) {
    // It was read before it landed, so this is the machine's trouble, not the configuration's.
    configuration_.set_stale(active.error().message);
    alarms_.raise("configuration", system_deploy_ref().str(), active.error().message);
    return;
  }
  alarms_.clear("configuration", system_deploy_ref().str());
  const Result<> reconciled = reconcile_repositories();
  if (!reconciled) alarms_.raise("repository", "system", reconciled.error().message);
}

}  // namespace statehouse
