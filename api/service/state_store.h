#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/service/archive_cache.h"
#include "api/service/caller.h"
#include "api/service/core.h"
#include "api/service/data_directory.h"
#include "api/service/fetch_service.h"
#include "api/service/housekeeper.h"
#include "api/service/promotion_service.h"
#include "api/service/push_service.h"
#include "api/service/refusal_log.h"
#include "api/service/scrubber.h"
#include "api/service/statement_service.h"
#include "api/service/token_service.h"
#include "api/service/write_path.h"
#include "crypto/trust.h"
#include "store/git/git_library.h"
#include "store/ledger/search_index.h"

namespace statehouse {

/// What a store is opened with. References outlive it.
struct StateStoreOptions {
  const GitLibrary& git;
  const Clock& clock;
  const Entropy& entropy;
  DurableSteps& steps;
  std::function<void(std::string_view)> log;      ///< one line for the operator; may be null
  std::optional<Path> high_water = std::nullopt;  ///< best on another filesystem; default: in DATA
};

/// The running store: every object of it, made and recovered in the right order. Not a use case
/// itself.
///
/// Opening recovers: leftovers of a killed process are removed, ref files that the outbox licences
/// are rolled forward, everything else that differs from the ledger becomes an alarm. Threads: any,
/// once open.
class StateStore {
 public:
  /// Errors: those of DataDirectory::open and Ledger::open; kCorrupt (trust document, keys).
  static Result<std::unique_ptr<StateStore>> open(const Path& data,
                                                  const StateStoreOptions& options);
  ~StateStore();
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  [[nodiscard]] Core& core() { return core_; }
  [[nodiscard]] const DataLayout& layout() const { return directory_.layout(); }
  [[nodiscard]] const TrustDocument& trust() const { return trust_; }
  [[nodiscard]] FetchService& fetches() { return fetches_; }
  [[nodiscard]] PushService& pushes() { return pushes_; }
  [[nodiscard]] PromotionService& promotions() { return promotions_; }
  [[nodiscard]] StatementService& statements() { return statements_; }
  [[nodiscard]] ArchiveCache& archives() { return archives_; }
  [[nodiscard]] TokenService& tokens() { return tokens_; }
  [[nodiscard]] SearchIndex& index() { return *index_; }
  [[nodiscard]] Housekeeper& housekeeper() { return housekeeper_; }
  [[nodiscard]] Scrubber& scrubber() { return scrubber_; }

 private:
  StateStore(DataDirectory directory, TrustDocument trust, std::unique_ptr<KeyStore> keys,
             std::unique_ptr<Ledger> ledger, std::unique_ptr<RepositoryStore> repositories,
             std::unique_ptr<SearchIndex> index, const StateStoreOptions& options);

  Result<> recover();
  Result<> recover_repository(const RepositoryName& name, const std::vector<OutboxRecord>& outbox);
  Result<> load_configuration();
  Result<> activate_as_logged(VersionNumber version, EntryIndex entry);
  Result<> reconcile_repositories();
  void moved(const std::vector<RecordedVersion>& recorded, bool published);
  void activate(const VersionRecord& version);

  // In order of dependence; destroyed in reverse.
  DataDirectory directory_;
  TrustDocument trust_;
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<RepositoryStore> repositories_;
  std::unique_ptr<SearchIndex> index_;
  std::function<void(std::string_view)> log_;
  RefView refs_;
  LiveConfiguration configuration_;
  RepositoryQueue queue_;
  CommitJudge judge_;
  ObjectRules object_rules_;
  TreeDigests tree_digests_;
  Alarms alarms_;
  Core core_;
  RefusalLog refusals_;
  WritePath write_path_;
  FetchService fetches_;
  PushService pushes_;
  PromotionService promotions_;
  ArchiveCache archives_;
  StatementService statements_;
  TokenService tokens_;
  Housekeeper housekeeper_;
  Scrubber scrubber_;
};

}  // namespace statehouse
