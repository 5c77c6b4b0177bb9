#include "api/service/housekeeper.h"

#include <algorithm>

#include "crypto/base/json.h"
#include "crypto/base/limits.h"
#include "store/git/ref_files.h"
#include "store/git/tree_diff.h"

namespace statehouse {

namespace {

constexpr std::chrono::minutes kCheckEvery{1};
constexpr std::chrono::milliseconds kIndexEvery{1000};
constexpr std::size_t kPathsPerRound = 100;

/// What the file of each ref must hold, as the ledger says now.
std::map<RefName, Oid> expected_refs(const Core& core, const RepositoryName& repository) {
  std::map<RefName, Oid> expected;
  const auto snapshot = core.refs.current();
  for (const RefState* state : snapshot->of(repository)) {
    expected.emplace(state->key.ref, state->content->commit);
  }
  return expected;
}

std::vector<std::string> differences(const std::map<RefName, Oid>& expected,
                                     const std::map<RefName, Oid>& found) {
  std::vector<std::string> names;
  for (const auto& [ref, oid] : expected) {
    const auto file = found.find(ref);
    if (file == found.end()) {
      names.push_back(ref.str() + " is missing");
    } else if (file->second != oid) {
      names.push_back(ref.str() + " says " + file->second.hex() + ", the ledger says " + oid.hex());
    }
  }
  for (const auto& [ref, oid] : found) {
    if (!expected.contains(ref)) names.push_back(ref.str() + " is not in the ledger");
  }
  return names;
}

void check_repository(Core& core, const RepositoryName& repository) {
  // Under the repository's turn nobody is between the ledger's commit and the ref files.
  const RepositoryQueue::Turn turn = core.queue.take(repository);
  const auto found = list_ref_files(core.repositories.path(repository));
  const std::string& where = repository.str();
  if (!found) {
    core.alarms.raise("ref-file", where, found.error().message);
    return;
  }
  const std::vector<std::string> wrong = differences(expected_refs(core, repository), *found);
  if (wrong.empty()) {
    core.alarms.clear("ref-file", where);
    return;
  }
  std::string why = wrong[0];
  if (wrong.size() > 1) why += ", and " + std::to_string(wrong.size() - 1) + " more";
  core.alarms.raise("ref-file", where, why + "; served from the ledger all the same");
}

/// The files that the move logged at `entry` changed.
Result<std::vector<std::string>> changed_paths(const Core& core, EntryIndex entry) {
  const std::string bytes = TRY(core.ledger.read().entry(entry));
  const ParsedEntry parsed = TRY(parse_entry(bytes));
  const VersionRecord version = TRY(parse_ref_updated(parsed, entry));
  std::vector<std::string> paths;
  if (!version.content) return paths;
  const PooledRepository repository = TRY(core.repositories.acquire(version.key.repository));
  std::optional<Oid> before;
  if (version.previous && version.previous->commit) {
    const GitCommit commit = TRY(repository->read_commit(*version.previous->commit));
    before = commit.tree;
  }
  const std::vector<TreeChange> changes =
      TRY(diff_trees(*repository, before, version.content->tree));
  for (const TreeChange& change : changes) paths.push_back(change.path);
  return paths;
}

/// Whether some flow ends at `key`.
StatementQueue::Moved moved_how(const Configuration& configuration, const RefKey& key) {
  const bool is_target =
      std::ranges::any_of(configuration.flows(), [&](const Flow& flow) { return flow.to == key; });
  return is_target ? StatementQueue::Moved::kByPromotion : StatementQueue::Moved::kByPush;
}

/// `where` is "repository" or "repository:ref", or something of the store's own.
EntryDraft alarm_event(const Alarm& alarm) {
  const std::size_t colon = alarm.where.find(':');
  const auto repository = RepositoryName::parse(alarm.where.substr(0, colon));
  std::optional<RefName> ref;
  if (repository && colon != std::string::npos) {
    // Statements are named "repository:ref@version".
    const std::string rest = alarm.where.substr(colon + 1);
    if (auto parsed = RefName::parse(rest.substr(0, rest.find('@')))) ref = *std::move(parsed);
  }
  EntryDraft draft{EventType::kIntegrityAlarmed, "system", {}, Json::object(), {}};
  draft.data = {{"reason", alarm.what},
                {"repository", repository ? Json(repository->str()) : Json(nullptr)},
                {"ref", ref ? Json(ref->str()) : Json(nullptr)},
                {"entry", nullptr}};
  draft.evidence.push_back(
      {"alarm", "application/json", dump_json({{"where", alarm.where}, {"why", alarm.why}})});
  return draft;
}

}  // namespace

void check_ref_files(Core& core) {
  const auto repositories = core.ledger.read().readable_repositories();
  if (!repositories) return;
  for (const RepositoryRecord& repository : repositories->records) {
    if (!repository.deleted) check_repository(core, repository.name);
  }
}

Housekeeper::~Housekeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<> Housekeeper::start() {
  TRY(queue_what_is_owed());
  thread_ = std::thread([this] { run(); });
  return {};
}

Result<> Housekeeper::queue_what_is_owed() {
  const FoundRows<OutboxRecord> outbox = TRY(core_.ledger.read().outbox());
  const auto active = core_.configuration.current();
  std::vector<std::string> damaged = outbox.damaged;
  {
    const std::lock_guard lock(mutex_);
    for (const OutboxRecord& record : outbox.records) {
      if (record.kind != kOutboxIssueStatement || queued_.contains(record.id)) continue;
      auto owed = parse_owed_statement(record);
      if (!owed) {
        damaged.push_back(owed.error().message);
        continue;
      }
      const auto moved = moved_how(active->configuration, owed->key);
      owed_.add(*std::move(owed), moved);
      queued_.insert(record.id);
    }
  }
  for (const std::string& row : damaged) core_.alarms.raise("row", row, "it is not heeded");
  return {};
}

void Housekeeper::owe(const std::vector<RecordedVersion>& recorded, bool published) {
  const Result<> queued = queue_what_is_owed();
  if (!queued) core_.alarms.raise("outbox", "ledger.db", queued.error().message);
  {
    const std::lock_guard lock(mutex_);
    for (const RecordedVersion& version : recorded) {
      if (published) done_.push_back(version.outbox_id);
    }
  }
  changed_.notify_all();
}

void Housekeeper::note(const Alarm& alarm) {
  constexpr std::size_t kAlarmsMax = 1000;
  const std::lock_guard lock(mutex_);
  if (alarms_.size() < kAlarmsMax) alarms_.push_back(alarm);
}

void Housekeeper::log_alarms() {
  std::vector<Alarm> alarms;
  {
    const std::lock_guard lock(mutex_);
    alarms = std::exchange(alarms_, {});
  }
  if (alarms.empty()) return;
  // When the log is what is broken, nothing can be logged: the alarm is in /readyz and the
  // operator's log.
  static_cast<void>(core_.ledger.commit([&](Transaction& transaction) -> Result<> {
    for (const Alarm& alarm : alarms) TRY(transaction.append(alarm_event(alarm)));
    return {};
  }));
}

bool Housekeeper::wait_until_idle(Milliseconds wait_max) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, wait_max,
                           [&] { return stopping_ || (owed_.empty() && done_.empty() && !busy_); });
}

void Housekeeper::run() {
  next_check_ = std::chrono::steady_clock::now() + kCheckEvery;
  auto next_look = std::chrono::steady_clock::now();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kIndexEvery,
                        [&] { return stopping_ || !owed_.empty() || !done_.empty(); });
      if (stopping_) return;
    }
    const bool more = work_once();
    // However much is owed, alarms are logged and files are checked in time.
    if (more && std::chrono::steady_clock::now() < next_look) continue;
    look_after();
    next_look = std::chrono::steady_clock::now() + kIndexEvery;
  }
}

void Housekeeper::look_after() {
  log_alarms();
  static_cast<void>(core_.ledger.health());  // notes since when the clock is behind
  fill_index();
  if (std::chrono::steady_clock::now() < next_check_) return;
  check_ref_files(core_);
  static_cast<void>(archives_.trim(limits::kArchiveCacheBytesMax));  // a cache: once more later
  owe({}, false);                                                    // once more what failed before
  next_check_ = std::chrono::steady_clock::now() + kCheckEvery;
}

bool Housekeeper::work_once() {
  std::optional<OwedStatement> owed;
  std::vector<std::uint64_t> done;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || (owed_.empty() && done_.empty())) return false;
    busy_ = true;
    owed = owed_.take();
    done = std::exchange(done_, {});
  }
  if (owed) {
    issue(*owed, done);
  } else {
    // A failure leaves the rows: the next start rolls forward what is rolled forward already.
    static_cast<void>(core_.ledger.commit([&](Transaction& transaction) -> Result<> {
      for (const std::uint64_t id : done) TRY(transaction.clear_outbox(id));
      return {};
    }));
  }
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    more = !owed_.empty() || !done_.empty();
  }
  changed_.notify_all();
  return more;
}

void Housekeeper::issue(const OwedStatement& owed, const std::vector<std::uint64_t>& done) {
  const std::string where = owed.key.str() + "@" + std::to_string(owed.version);
  const Result<> issued = statements_.issue(owed, done);
  {
    const std::lock_guard lock(mutex_);
    queued_.erase(owed.outbox_id);
  }
  if (issued) {
    core_.alarms.clear("statement", where);
    return;
  }
  core_.alarms.raise("statement", where, issued.error().message);
}

void Housekeeper::fill_index() {
  const auto followed = index_.follow(core_.ledger.read());
  if (!followed) {
    core_.alarms.raise("index", "index.db", followed.error().message);
    return;
  }
  const auto entries = index_.entries_without_paths(kPathsPerRound);
  for (const EntryIndex entry : entries.value_or(std::vector<EntryIndex>())) {
    const auto paths = changed_paths(core_, entry);
    if (!index_.add_paths(entry, paths.value_or(std::vector<std::string>()))) return;
  }
}

}  // namespace statehouse
