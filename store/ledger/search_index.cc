#include "store/ledger/search_index.h"

#include <fcntl.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "crypto/base/json.h"
#include "store/ledger/schema.h"
#include "store/ledger/search_fields.h"
#include "store/ledger/sqlite.h"

namespace statehouse {

namespace {

constexpr std::int64_t kIndexSchema = 3;
constexpr std::size_t kEntriesPerStep = 1000;
constexpr std::size_t kPageMax = 1000;
constexpr std::size_t kPathsPerEntryMax = 100'000;

// `links` holds every (kind, value) an entry can be found by; `words` the text. FTS5 without its
// own copy of the content and without column sizes: results are ordered by entry, never ranked
// (bm25 over a common word of ten million rows takes 0.4 s).
constexpr const char* kSchema = R"sql(
CREATE TABLE indexed (
  entry INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  outcome TEXT NOT NULL,
  time INTEGER NOT NULL,
  needs_paths INTEGER NOT NULL
) STRICT;
CREATE INDEX indexed_by_time ON indexed (time);
CREATE INDEX indexed_needing_paths ON indexed (entry) WHERE needs_paths = 1;
CREATE TABLE links (
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  entry INTEGER NOT NULL,
  PRIMARY KEY (kind, value, entry)
) STRICT, WITHOUT ROWID;
CREATE TABLE last_leaf (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  entry INTEGER NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', columnsize = 0, tokenize = 'unicode61');
)sql";

struct IndexStatements {
  Statement insert_entry, insert_link, insert_words, put_last_leaf, last_leaf, size;
  Statement without_paths, has_paths, known;
};

/// The values of a query that links hold, as text.
struct SearchTerms {
  std::optional<std::string> promotion, path, key, approver, ref, actor, repository, words;
};

/// The kinds of links with the number of their parameter, the rarest values first: the first one
/// that a query names drives it, along the primary key of `links`, which is in order of entries.
struct LinkFilter {
  const char* kind;
  const char* parameter;
  std::optional<std::string> SearchTerms::* value;
};
constexpr LinkFilter kLinkFilters[] = {{"promotion", "?6", &SearchTerms::promotion},
                                       {"path", "?7", &SearchTerms::path},
                                       {"key", "?8", &SearchTerms::key},
                                       {"approver", "?9", &SearchTerms::approver},
                                       {"ref", "?10", &SearchTerms::ref},
                                       {"actor", "?11", &SearchTerms::actor},
                                       {"repository", "?12", &SearchTerms::repository}};

SearchTerms terms_of(const SearchQuery& query) {
  SearchTerms terms{.promotion = std::nullopt,
                    .path = query.path,
                    .key = std::nullopt,
                    .approver = query.approver,
                    .ref = query.ref,
                    .actor = query.actor,
                    .repository = query.repository,
                    .words = full_text_query(query.text)};
  if (query.key_fingerprint) terms.key = normal_fingerprint(*query.key_fingerprint);
  if (query.promotion) terms.promotion = std::to_string(*query.promotion);
  while (terms.path && terms.path->ends_with('/')) terms.path->pop_back();
  return terms;
}

/// SQL for exactly the filters that are given, out of constant fragments; every value is bound.
std::string search_sql(const SearchTerms& terms) {
  std::string from, where;
  for (const LinkFilter& filter : kLinkFilters) {
    if (!(terms.*filter.value)) continue;
    if (from.empty()) {
      from = "links driver CROSS JOIN indexed ON indexed.entry = driver.entry";
      where = std::string(" driver.kind = '") + filter.kind +
              "' AND driver.value = " + filter.parameter + " AND driver.entry < ?1";
    } else {
      where += std::string(" AND EXISTS (SELECT 1 FROM links WHERE kind = '") + filter.kind +
               "' AND value = " + filter.parameter + " AND entry = indexed.entry)";
    }
  }
  std::string order = from.empty() ? "indexed.entry" : "driver.entry";
  if (terms.words && from.empty()) {
    from = "words CROSS JOIN indexed ON indexed.entry = words.rowid";
    where = " words MATCH ?13 AND words.rowid < ?1";
    order = "words.rowid";
  } else if (terms.words) {
    where += " AND EXISTS (SELECT 1 FROM words WHERE words MATCH ?13 AND rowid = indexed.entry)";
  }
  if (from.empty()) {
    from = "indexed";
    where = " indexed.entry < ?1";
  }
  return "SELECT indexed.entry FROM " + from + " WHERE" + where +
         " AND (?2 IS NULL OR type = ?2) AND (?3 IS NULL OR outcome = ?3)"
         " AND (?4 IS NULL OR time >= ?4) AND (?5 IS NULL OR time < ?5)"
         " ORDER BY " +
         order + " DESC LIMIT ?14";
}

/// The verdicts on the commits that a move brought, and on its tip, which may have come before.
Result<std::vector<std::string>> verdicts_on(const ParsedEntry& event, EntryIndex entry,
                                             const LedgerReader& ledger) {
  std::vector<CommitVerdictRecord> records = TRY(ledger.verdicts_of(entry));
  if (const auto tip = json_string(event.data, "commit")) {
    const Oid commit = TRY(Oid::parse(*tip));
    auto known = TRY(ledger.verdict(commit));
    if (known) records.push_back(*std::move(known));
  }
  std::vector<std::string> verdicts;
  for (CommitVerdictRecord& record : records) verdicts.push_back(std::move(record.verdict));
  return verdicts;
}

bool holds_text(EventType type) {
  return type == EventType::kPromotionOpened || type == EventType::kPromotionUpdated ||
         type == EventType::kPromotionCommented;
}

Result<std::vector<std::string>> evidence_texts(EntryIndex entry, const LedgerReader& ledger) {
  std::vector<EvidenceRecord> records = TRY(ledger.evidence_of(entry));
  std::vector<std::string> texts;
  for (EvidenceRecord& evidence : records) {
    if (evidence.content) texts.push_back(std::move(evidence.content->bytes));
  }
  return texts;
}

Result<EntryContext> context_of(const ParsedEntry& event, EntryIndex entry,
                                const LedgerReader& ledger) {
  EntryContext context;
  if (event.type == EventType::kRefUpdated)
    context.verdicts = TRY(verdicts_on(event, entry, ledger));
  if (is_refusal(event.type)) context.refusal_reasons = TRY(evidence_texts(entry, ledger));
  if (holds_text(event.type)) context.texts = TRY(evidence_texts(entry, ledger));
  if (const auto number = promotion_of(event)) {
    auto promotion = ledger.promotion(*number);
    if (promotion) {
      context.promotion = *std::move(promotion);
    } else if (promotion.error().code != ErrorCode::kNotFound) {
      return std::unexpected(std::move(promotion).error());
    }
  }
  return context;
}

Result<std::uint64_t> read_count(const Row& row) { return row.count(0); }

struct LastLeaf {
  EntryIndex entry;
  std::string hash;
};

void remove_database(const Path& path) {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    std::error_code ignored;
    std::filesystem::remove(path.string() + suffix, ignored);
  }
}

Result<Database> open_index(const Path& path) {
  // SQLite would create it readable for everybody; what it finds stays as it is.
  TRY_WITH("opening the index", open_file(path, O_RDWR | O_CREAT, 0600));
  Database database = TRY(Database::open(path, Database::Mode::kCreate));
  TRY(database.execute("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;"));
  const std::int64_t id = TRY(database.integer("PRAGMA application_id"));
  const std::int64_t version = TRY(database.integer("PRAGMA user_version"));
  if (id == kIndexApplicationId && version == kIndexSchema) {
    TRY(database.text("PRAGMA quick_check(1)"));
    return database;
  }
  const std::int64_t tables = TRY(database.integer("SELECT count(*) FROM sqlite_schema"));
  if (tables != 0) return corrupt("opening the index: it is of another release");
  TRY(database.execute("BEGIN;" + std::string(kSchema) +
                       "PRAGMA application_id = " + std::to_string(kIndexApplicationId) +
                       "; PRAGMA user_version = " + std::to_string(kIndexSchema) + "; COMMIT;"));
  return database;
}

Result<IndexStatements> prepare(const Database& database) {
  IndexStatements statements;
  const std::pair<Statement*, const char*> definitions[] = {
      {&statements.insert_entry,
       "INSERT INTO indexed (entry, type, outcome, time, needs_paths) VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&statements.insert_link,
       "INSERT OR IGNORE INTO links (kind, value, entry) VALUES (?1, ?2, ?3)"},
      {&statements.insert_words, "INSERT INTO words (rowid, text) VALUES (?1, ?2)"},
      {&statements.put_last_leaf,
       "INSERT INTO last_leaf (only, entry, hash) VALUES (1, ?1, ?2) "
       "ON CONFLICT (only) DO UPDATE SET entry = ?1, hash = ?2"},
      {&statements.last_leaf, "SELECT entry, hash FROM last_leaf"},
      {&statements.size, "SELECT coalesce(max(entry) + 1, 0) FROM indexed"},
      {&statements.without_paths,
       "SELECT entry FROM indexed WHERE needs_paths = 1 ORDER BY entry LIMIT ?1"},
      {&statements.has_paths, "UPDATE indexed SET needs_paths = 0 WHERE entry = ?1"},
      {&statements.known, "SELECT count(*) FROM indexed WHERE entry = ?1"}};
  for (const auto& [statement, sql] : definitions) {
    *statement = TRY(Statement::prepare(database, sql));
  }
  return statements;
}

}  // namespace

class SearchIndex::Impl {
 public:
  explicit Impl(Path path) : path_(std::move(path)) {}

  Result<> open() {
    Result<> opened = open_once();
    if (opened) return {};
    // Whatever is wrong with it, it is only a cache.
    close_and_remove();
    return open_once();
  }

  void close_and_remove() {
    statements_ = IndexStatements();
    database_ = Database();
    remove_database(path_);
  }

  Result<> open_once() {
    database_ = TRY(open_index(path_));
    statements_ = TRY(prepare(database_));
    return {};
  }

  /// Starts anew when the newest entry seen is not the ledger's at its place.
  Result<EntryIndex> size_in(const LedgerReader& ledger) {
    const EntryIndex size = TRY(this->size());
    if (size == 0) return size;
    const auto last = TRY(statements_.last_leaf.one(
        [](const Row& row) { return Result<LastLeaf>({row.count(0), row.text(1)}); }));
    if (last && last->entry + 1 == size) {
      const auto leaf = ledger.leaf_hash(last->entry);
      if (leaf && leaf->bytes() == last->hash) return size;
      if (!leaf && leaf.error().code != ErrorCode::kNotFound) return std::unexpected(leaf.error());
    }
    close_and_remove();
    TRY(open_once());
    return 0;
  }

  /// What is indexed from now on was read from a ledger of `size` entries or more.
  void start_with(EntryIndex size) { erased_before_ = size; }

  /// Whether `entries` tell of evidence that was erased since words of it were indexed: they can
  /// only be taken out by starting anew.
  [[nodiscard]] Result<bool> must_forget(const std::vector<EntryRecord>& entries) const {
    for (const EntryRecord& entry : entries) {
      if (entry.index < erased_before_) continue;
      const ParsedEntry event = TRY(parse_entry(entry.bytes));
      if (event.type == EventType::kEvidenceErased) return true;
    }
    return false;
  }

  Result<> add(const std::vector<EntryRecord>& entries, const LedgerReader& ledger) {
    return in_transaction([&]() -> Result<> {
      for (const EntryRecord& entry : entries) TRY(add_entry(entry, ledger));
      const MerkleHash leaf = merkle_leaf_hash(entries.back().bytes);
      return statements_.put_last_leaf.run(entries.back().index, Blob{leaf.bytes()});
    });
  }

  Result<> add_entry(const EntryRecord& entry, const LedgerReader& ledger) {
    const ParsedEntry event = TRY(parse_entry(entry.bytes));
    const EntryContext context = TRY(context_of(event, entry.index, ledger));
    const SearchFields fields = search_fields(event, context);
    TRY(statements_.insert_entry.run(entry.index, name_of(event.type), name_of(fields.outcome),
                                     event.time, event.type == EventType::kRefUpdated));
    for (const auto& [kind, value] : fields.links) {
      TRY(statements_.insert_link.run(kind, value, entry.index));
    }
    return statements_.insert_words.run(entry.index, fields.text);
  }

  Result<> add_paths(EntryIndex entry, const std::vector<std::string>& paths) {
    if (paths.size() > kPathsPerEntryMax) return invalid_argument("indexing paths: too many");
    const auto known = TRY(statements_.known.one(read_count, entry));
    if (known.value_or(0) == 0) return not_found("indexing paths: that entry is not indexed yet");
    return in_transaction([&]() -> Result<> {
      std::set<std::string_view> links;
      for (const std::string& path : paths) {
        const std::string_view view = path;
        links.insert(view);
        for (auto slash = view.find('/'); slash != std::string_view::npos;
             slash = view.find('/', slash + 1)) {
          links.insert(view.substr(0, slash));
        }
      }
      for (const std::string_view link : links) {
        TRY(statements_.insert_link.run("path", link, entry));
      }
      return statements_.has_paths.run(entry);
    });
  }

  Result<Page<EntryIndex>> search(const SearchQuery& query) {
    const std::size_t count = std::clamp<std::size_t>(query.count_max, 1, kPageMax);
    std::optional<std::string_view> type, outcome;
    if (query.type) type = name_of(*query.type);
    if (query.outcome) outcome = name_of(*query.outcome);
    const SearchTerms terms = terms_of(query);
    Statement statement = TRY(Statement::prepare(database_, search_sql(terms)));
    Page<EntryIndex> page;
    page.records =
        TRY(statement.all(read_count, query.before.value_or(INT64_MAX), type, outcome, query.since,
                          query.until, terms.promotion, terms.path, terms.key, terms.approver,
                          terms.ref, terms.actor, terms.repository, terms.words, count + 1));
    if (page.records.size() > count) {
      page.records.pop_back();
      page.next = page.records.back();
    }
    return page;
  }

  Result<std::vector<EntryIndex>> without_paths(std::size_t count_max) {
    return statements_.without_paths.all(read_count, std::min<std::size_t>(count_max, 100'000));
  }

  Result<EntryIndex> size() {
    const auto size = TRY(statements_.size.one(read_count));
    return size.value_or(0);
  }

  std::mutex mutex;  // held by SearchIndex around every call

 private:
  template <typename Work>
  Result<> in_transaction(Work work) {
    TRY(database_.execute("BEGIN"));
    Result<> outcome = work();
    if (outcome) outcome = database_.execute("COMMIT");
    if (!outcome && database_.in_transaction()) (void)database_.execute("ROLLBACK");
    return outcome;
  }

  const Path path_;
  EntryIndex erased_before_ = 0;  ///< evidence erased by entries below this was never indexed
  Database database_;
  IndexStatements statements_;
};

SearchIndex::SearchIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SearchIndex::~SearchIndex() = default;

Result<std::unique_ptr<SearchIndex>> SearchIndex::open(const Path& path) {
  auto impl = std::make_unique<Impl>(path);
  TRY(impl->open());
  return std::unique_ptr<SearchIndex>(new SearchIndex(std::move(impl)));
}

Result<std::uint64_t> SearchIndex::follow(
    const LedgerReader& ledger, const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  std::uint64_t indexed = 0;
  while (true) {
    // Released between steps, so that a long rebuild does not block searches.
    const std::lock_guard lock(impl_->mutex);
    const EntryIndex from = TRY(impl_->size_in(ledger));
    if (from == 0) impl_->start_with(ledger.tree_size());
    const auto entries = TRY(ledger.entries(from, kEntriesPerStep));
    if (entries.empty()) return indexed;
    const bool forgets = TRY(impl_->must_forget(entries));
    if (forgets) {
      impl_->close_and_remove();
      TRY(impl_->open_once());
      continue;
    }
    TRY(impl_->add(entries, ledger));
    indexed += entries.size();
    if (progress) progress(from + entries.size(), ledger.tree_size());
  }
}

Result<std::uint64_t> SearchIndex::rebuild(
    const LedgerReader& ledger, const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->close_and_remove();
    TRY(impl_->open_once());
  }
  return follow(ledger, progress);
}

Result<> SearchIndex::add_paths(EntryIndex entry, const std::vector<std::string>& paths) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->add_paths(entry, paths);
}

Result<std::vector<EntryIndex>> SearchIndex::entries_without_paths(std::size_t count_max) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->without_paths(count_max);
}

Result<Page<EntryIndex>> SearchIndex::search(const SearchQuery& query) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->search(query);
}

Result<EntryIndex> SearchIndex::indexed_size() {
  const std::lock_guard lock(impl_->mutex);
  return impl_->size();
}

}  // namespace statehouse
