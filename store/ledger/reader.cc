#include "store/ledger/reader.h"

#include <fcntl.h>

#include <algorithm>

#include "crypto/base/json.h"
#include "crypto/ed25519.h"
#include "store/ledger/connection.h"
#include "store/ledger/rows.h"

namespace statehouse {

namespace {

constexpr std::size_t kPageMax = 1000;

/// A page out of one row more than asked for: that one says whether there is a next page.
template <typename Record, typename CursorOf>
Page<Record> page_of(std::vector<Record> records, std::size_t count_max, CursorOf cursor_of) {
  Page<Record> page{std::move(records)};
  if (page.records.size() <= count_max) return page;
  page.records.erase(page.records.begin() + static_cast<std::ptrdiff_t>(count_max),
                     page.records.end());
  page.next = cursor_of(page.records.back());
  return page;
}

std::size_t bounded(std::size_t count_max) {
  return std::clamp<std::size_t>(count_max, 1, kPageMax);
}

}  // namespace

LedgerReader::LedgerReader(ConnectionPool& pool, const PublishedTree& published)
    : pool_(pool), published_(published) {}

Result<std::vector<RefState>> LedgerReader::refs() const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().refs.all(read_ref_state);
}

Result<FoundRows<RefState>> LedgerReader::readable_refs() const {
  const auto lease = TRY(pool_.lease());
  return found_rows(lease.statements().refs, read_ref_state);
}

Result<std::optional<RefState>> LedgerReader::ref(const RefKey& key) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().ref.one(read_ref_state, key.repository.str(), key.ref.str());
}

Result<std::optional<VersionRecord>> LedgerReader::version(const RefKey& key,
                                                           VersionNumber number) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().version.one(read_version, key.repository.str(), key.ref.str(), number);
}

Result<Page<VersionRecord>> LedgerReader::versions(const RefKey& key,
                                                   std::optional<VersionNumber> before,
                                                   std::size_t count_max) const {
  const std::size_t count = bounded(count_max);
  const auto lease = TRY(pool_.lease());
  auto records = TRY(lease.statements().versions.all(
      read_version, key.repository.str(), key.ref.str(), before.value_or(kNoBound), count + 1));
  return page_of(std::move(records), count, [](const auto& last) { return last.version; });
}

Result<Page<VersionRecord>> LedgerReader::latest_versions(std::optional<EntryIndex> before,
                                                          std::size_t count_max) const {
  const std::size_t count = bounded(count_max);
  const auto lease = TRY(pool_.lease());
  auto records = TRY(
      lease.statements().latest_versions.all(read_version, before.value_or(kNoBound), count + 1));
  return page_of(std::move(records), count, [](const auto& last) { return last.entry; });
}

Result<std::vector<VersionRecord>> LedgerReader::versions_of_commit(
    const RepositoryName& repository, const Oid& commit) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().versions_of_commit.all(read_version, repository.str(),
                                                   Blob{commit.bytes()});
}

Result<std::vector<Oid>> LedgerReader::tips(const RepositoryName& repository) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().tips.all(read_oid, repository.str());
}

Result<std::vector<RepositoryRecord>> LedgerReader::repositories() const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().repositories.all(read_repository);
}

Result<FoundRows<RepositoryRecord>> LedgerReader::readable_repositories() const {
  const auto lease = TRY(pool_.lease());
  return found_rows(lease.statements().repositories, read_repository);
}

Result<std::optional<RepositoryRecord>> LedgerReader::repository(const RepositoryName& name) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().repository.one(read_repository, name.str());
}

Result<PromotionRecord> LedgerReader::promotion(PromotionNumber number) const {
  const auto lease = TRY(pool_.lease());
  auto found = TRY(lease.statements().promotion.one(read_promotion, number));
  if (!found) return not_found("there is no promotion " + std::to_string(number));
  return *std::move(found);
}

Result<Page<PromotionRecord>> LedgerReader::promotions(const PromotionQuery& query) const {
  const std::size_t count = bounded(query.count_max);
  const auto lease = TRY(pool_.lease());
  auto records = TRY(select_promotions(lease.statements(), query, count + 1));
  return page_of(std::move(records), count, [](const auto& last) { return last.number; });
}

Result<std::vector<ApprovalRecord>> LedgerReader::approvals(PromotionNumber number) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().approvals.all(read_approval, number);
}

Result<std::vector<CheckRecord>> LedgerReader::checks(PromotionNumber number) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().checks.all(read_check, number);
}

Result<std::vector<CommentRecord>> LedgerReader::comments(PromotionNumber number) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().comments.all(read_comment, number);
}

Result<std::optional<TokenRecord>> LedgerReader::token_by_hash(std::string_view hash) const {
  const auto lease = TRY(pool_.lease());
  auto found = TRY(lease.statements().token_by_hash.one(read_token, Blob{hash}));
  // The index compared byte by byte, but over a hash the caller cannot steer; this comparison is
  // the one that decides.
  if (!found || !secrets_equal(found->hash, hash)) return std::nullopt;
  return found;
}

Result<std::optional<TokenRecord>> LedgerReader::token(std::string_view id) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().token.one(read_token, id);
}

Result<std::vector<TokenRecord>> LedgerReader::tokens() const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().tokens.all(read_token);
}

Result<std::vector<SuspensionRecord>> LedgerReader::suspensions(Timestamp at) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().suspensions.all(read_suspension, at);
}

Result<std::optional<CommitVerdictRecord>> LedgerReader::verdict(const Oid& commit) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().verdict.one(read_verdict, Blob{commit.bytes()});
}

Result<std::vector<CommitVerdictRecord>> LedgerReader::verdicts_of(EntryIndex index) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().verdicts_of_entry.all(read_verdict, index);
}

Result<std::optional<StatementRecord>> LedgerReader::statement(const RefKey& key,
                                                               VersionNumber number) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().statement.one(read_statement, key.repository.str(), key.ref.str(),
                                          number);
}

Result<FoundRows<OutboxRecord>> LedgerReader::outbox() const {
  const auto lease = TRY(pool_.lease());
  return found_rows(lease.statements().outbox, read_outbox);
}

Result<std::optional<std::string>> LedgerReader::value(std::string_view name) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().value.one(read_text, name);
}

Result<std::optional<IdempotencyRecord>> LedgerReader::idempotent(std::string_view caller,
                                                                  std::string_view key,
                                                                  Timestamp at) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().idempotency.one(read_idempotency, caller, key,
                                            at - std::chrono::hours(24));
}

Result<std::uint64_t> LedgerReader::idempotency_keys(std::string_view first_word,
                                                     Timestamp at) const {
  const auto lease = TRY(pool_.lease());
  const std::string word(first_word);
  const auto count = TRY(lease.statements().idempotency_keys.one(read_count, word + " ", word + "!",
                                                                 at - std::chrono::hours(24)));
  return count.value_or(0);
}

Result<> LedgerReader::copy_to(const Path& path) const {
  const auto lease = TRY(pool_.lease());
  {
    const FileDescriptor file =
        TRY_WITH("copying the ledger", open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  }
  {
    Database copy = TRY(Database::open(path, Database::Mode::kReadWrite));
    sqlite3_backup* const backup =
        sqlite3_backup_init(copy.handle(), "main", lease.database().handle(), "main");
    if (backup == nullptr) {
      const int failed = sqlite3_extended_errcode(copy.handle());
      return std::unexpected(sqlite_error(copy.handle(), failed, "copying the ledger"));
    }
    // In one step, inside our read transaction: writers go on, and the copy is one moment.
    const int stepped = sqlite3_backup_step(backup, -1);
    const int finished = sqlite3_backup_finish(backup);
    if (stepped != SQLITE_DONE) {
      const int rc = finished == SQLITE_OK ? stepped : finished;
      return std::unexpected(sqlite_error(copy.handle(), rc, "copying the ledger"));
    }
  }
  TRY(sync_file(path));
  return sync_directory(path.parent_path());
}

}  // namespace statehouse
