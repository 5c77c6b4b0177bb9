#include "store/ledger/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include "crypto/checkpoint.h"
#include "store/ledger/connection.h"
#include "store/ledger/rows.h"
#include "store/ledger/schema.h"
#include "store/ledger/start_check.h"
#include "store/ledger/verify_run.h"
#include "store/ledger/writer.h"

namespace statehouse {

namespace {

Result<NoteSigner> make_signer(const LedgerOptions& options) {
  return NoteSigner::create(options.origin, options.log_key.duplicate());
}

/// Schema, meta and the checkpoint of the empty tree, in a new file.
Result<CheckpointRecord> fill_new_ledger(const Path& path, const LedgerOptions& options,
                                         const NoteSigner& signer) {
  CheckpointRecord empty{0, merkle_empty_root(), ""};
  empty.note = TRY(sign_checkpoint({options.origin, empty.size, empty.root}, signer));
  Database database = TRY(Database::open(path, Database::Mode::kReadWrite));
  TRY(configure_writer(database));
  TRY(database.execute("PRAGMA application_id = " + std::to_string(kLedgerApplicationId)));
  TRY(migrate_ledger(database));
  Statement meta =
      TRY(Statement::prepare(database, "INSERT INTO meta (name, value) VALUES (?1, ?2)"));
  Statement checkpoint =
      TRY(Statement::prepare(database, "INSERT INTO checkpoints (size, note) VALUES (0, ?1)"));
  TRY(database.execute("BEGIN IMMEDIATE"));
  TRY(meta.run("origin", options.origin));
  TRY(meta.run("epoch", std::to_string(options.epoch)));
  TRY(checkpoint.run(empty.note));
  TRY(database.execute("COMMIT"));
  return empty;
}

Result<std::unique_ptr<LedgerConnection>> open_writer(const Path& path) {
  auto connection = std::make_unique<LedgerConnection>();
  connection->database = TRY(Database::open(path, Database::Mode::kReadWrite));
  TRY(require_ledger(connection->database));
  TRY(configure_writer(connection->database));
  TRY(migrate_ledger(connection->database));
  connection->statements = TRY(Statements::prepare(connection->database));
  return connection;
}

Result<> require_meta(Statements& statements, std::string_view name, const std::string& expected) {
  const auto value = TRY(statements.meta.one(read_text, name));
  if (value == expected) return {};
  return invalid_argument("opening the ledger: it belongs to another " + std::string(name));
}

Result<StartReport> run_start_checks(LedgerConnection& connection, const LedgerOptions& options,
                                     const NoteKey& log_key) {
  TRY(connection.statements.begin_read.run());
  auto report =
      check_at_start(connection.statements, options.origin, log_key, options.high_water_path);
  TRY(connection.statements.end_read.run());
  return report;
}

Error read_only_since_start(const std::vector<std::string>& problems) {
  return Error{ErrorCode::kCorrupt, "the ledger signs and writes nothing: " + problems.front(),
               "run `statehouse fsck`; restore the newest copy, or declare a new epoch"};
}

}  // namespace

class Ledger::Impl {
 public:
  Impl(Path path, const LedgerOptions& options, NoteKey log_key,
       std::unique_ptr<ConnectionPool> pool)
      : path_(std::move(path)),
        origin_(options.origin),
        epoch_(options.epoch),
        log_key_(std::move(log_key)),
        pool_(std::move(pool)),
        reader_(*pool_, published_) {}

  void start(std::unique_ptr<LedgerConnection> connection, const LedgerOptions& options,
             NoteSigner signer, StartReport report, std::optional<HighWaterFile> high_water) {
    published_.publish(report.newest);
    problems_ = report.problems;
    writer_ = std::make_unique<LedgerWriter>(std::move(connection), options, std::move(signer),
                                             std::move(report), std::move(high_water), published_);
    if (!problems_.empty()) writer_->stop(read_only_since_start(problems_));
  }

 private:
  friend class Ledger;

  const Path path_;
  const std::string origin_;
  const Epoch epoch_;
  const NoteKey log_key_;
  PublishedTree published_;
  // The writer closes last: the last connection to close empties the write-ahead log.
  std::unique_ptr<LedgerWriter> writer_;
  std::unique_ptr<ConnectionPool> pool_;
  LedgerReader reader_;
  std::vector<std::string> problems_;
};

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::create(const Path& path, const LedgerOptions& options) {
  const NoteSigner signer = TRY(make_signer(options));
  if (::access(options.high_water_path.c_str(), F_OK) == 0) {
    return conflict("creating a ledger: a high-water file exists: a ledger was here before");
  }
  {
    const FileDescriptor file =
        TRY_WITH("creating a ledger", open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  }
  const CheckpointRecord empty =
      TRY_WITH("creating a ledger", fill_new_ledger(path, options, signer));
  TRY(sync_directory(path.parent_path()));
  TRY_WITH("creating a ledger",
           HighWaterFile::create(options.high_water_path, empty.note, options.steps));
  return open(path, options);
}

Result<std::unique_ptr<Ledger>> Ledger::open(const Path& path, const LedgerOptions& options) {
  NoteSigner signer = TRY(make_signer(options));
  auto connection = TRY(open_writer(path));
  TRY(require_meta(connection->statements, "origin", options.origin));
  TRY(require_meta(connection->statements, "epoch", std::to_string(options.epoch)));
  StartReport report = TRY(run_start_checks(*connection, options, signer.key()));
  std::optional<HighWaterFile> high_water;
  if (report.problems.empty()) {
    high_water = TRY(HighWaterFile::open(options.high_water_path, report.high_water_slot));
    // The process ended between COMMIT and the high-water file: finish that step.
    if (report.high_water_is_old) TRY(high_water->write(report.newest.note, options.steps));
  }
  auto pool = TRY(ConnectionPool::open(path, options.reader_connections));
  auto impl = std::make_unique<Impl>(path, options, signer.key(), std::move(pool));
  impl->start(std::move(connection), options, std::move(signer), std::move(report),
              std::move(high_water));
  return std::unique_ptr<Ledger>(new Ledger(std::move(impl)));
}

Result<> Ledger::run(std::function<Result<>(Transaction&)> job) {
  return impl_->writer_->run(std::move(job));
}

const LedgerReader& Ledger::read() const { return impl_->reader_; }
const std::string& Ledger::origin() const { return impl_->origin_; }
Epoch Ledger::epoch() const { return impl_->epoch_; }
void Ledger::stop(Error reason) { impl_->writer_->stop(std::move(reason)); }

LedgerHealth Ledger::health() const {
  LedgerHealth health{impl_->writer_->stopped(), impl_->problems_, impl_->published_.newest().size,
                      impl_->writer_->jobs_waiting(), impl_->writer_->wal_pages()};
  if (auto clock = impl_->writer_->clock_problem()) {
    health.clock = std::move(clock->error);
    health.clock_since = clock->since;
  }
  return health;
}

Result<VerifyReport> Ledger::verify(const VerifyOptions& options) const {
  const auto connection = TRY(LedgerConnection::open_reader(impl_->path_));
  return verify_connection(*connection, options);
}

}  // namespace statehouse
