#include "store/ledger/ledger_copy.h"

#include "crypto/base/encoding.h"
#include "crypto/checkpoint.h"
#include "store/ledger/rows.h"
#include "store/ledger/verify_run.h"

namespace statehouse {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWriteAheadLog = "-wal";

Path beside(const Path& path, std::string_view suffix) {
  return path.string() + std::string(suffix);
}

bool has_write_ahead_log(const Path& path) {
  std::error_code error;
  const auto size = fs::file_size(beside(path, kWriteAheadLog), error);
  return !error && size > 0;
}

Result<> copy_into(const Path& from, const Path& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (!error) return {};
  return std::unexpected(
      errno_error("copying " + escape_for_message(from.string()), error.value()));
}

Result<CheckpointRecord> newest_checkpoint(ConnectionPool& pool) {
  const auto lease = TRY(pool.lease());
  const auto row = TRY(lease.statements().newest_checkpoint.one(read_entry));
  if (!row) return corrupt("opening the ledger: there is no checkpoint in it");
  const std::string& note = row->bytes;
  const auto text = parse_checkpoint_text(std::string_view(note).substr(0, note.find("\n\n") + 1));
  if (!text) return corrupt("opening the ledger: its checkpoint: " + text.error().message);
  return CheckpointRecord{text->size, text->root, note};
}

}  // namespace

Result<std::unique_ptr<LedgerCopy>> LedgerCopy::open(const Path& path) {
  std::optional<TemporaryDirectory> scratch;
  Path opened = path;
  auto mode = Database::Mode::kUnchanging;
  if (has_write_ahead_log(path)) {
    scratch = TRY(TemporaryDirectory::create(fs::temp_directory_path(), "statehouse-ledger-"));
    opened = scratch->path() / "ledger.db";
    TRY(copy_into(path, opened));
    TRY(copy_into(beside(path, kWriteAheadLog), beside(opened, kWriteAheadLog)));
    mode = Database::Mode::kReadWrite;
  }
  auto pool = TRY(ConnectionPool::open(opened, 1, mode));
  std::unique_ptr<LedgerCopy> copy(
      new LedgerCopy(std::move(scratch), std::move(opened), mode, std::move(pool)));
  CheckpointRecord newest = TRY(newest_checkpoint(*copy->pool_));
  copy->published_.publish(std::move(newest));
  return copy;
}

Result<VerifyReport> LedgerCopy::verify(const VerifyOptions& options) const {
  const auto connection = TRY(LedgerConnection::open_reader(opened_, mode_));
  return verify_connection(*connection, options);
}

}  // namespace statehouse
