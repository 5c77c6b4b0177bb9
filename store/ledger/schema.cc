#include "store/ledger/schema.h"

#include <array>
#include <string>

namespace statehouse {

namespace {

// Ids and hashes of Git objects are BLOBs of 20 bytes, digests are TEXT "sha256:…", times are
// milliseconds since 1970, lists are JSON arrays. Tables are STRICT: a value of another type is an
// error and not a conversion.
constexpr std::string_view kMigration1 = R"sql(
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The log. `bytes` are what was hashed; nothing else is a source of truth.
CREATE TABLE entries (
  idx INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE tiles (
  level INTEGER NOT NULL,
  n INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (level, n)
) STRICT;
CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY,
  note TEXT NOT NULL
) STRICT;
CREATE TABLE evidence (
  digest TEXT PRIMARY KEY,
  entry INTEGER NOT NULL REFERENCES entries (idx),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  salt BLOB,
  bytes BLOB,
  CHECK ((salt IS NULL) = (bytes IS NULL))
) STRICT;
CREATE INDEX evidence_by_entry ON evidence (entry, position);

CREATE TABLE repositories (
  name TEXT PRIMARY KEY,
  created INTEGER NOT NULL,
  deleted INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE refs (
  repository TEXT NOT NULL,
  ref TEXT NOT NULL,
  version INTEGER NOT NULL,
  entry INTEGER NOT NULL,
  commit_oid BLOB,
  commit_digest TEXT,
  tree_oid BLOB,
  tree_digest TEXT,
  PRIMARY KEY (repository, ref)
) STRICT, WITHOUT ROWID;
CREATE TABLE versions (
  entry INTEGER PRIMARY KEY,
  repository TEXT NOT NULL,
  ref TEXT NOT NULL,
  version INTEGER NOT NULL,
  kind TEXT NOT NULL,
  commit_oid BLOB,
  commit_digest TEXT,
  tree_oid BLOB,
  tree_digest TEXT,
  push_id TEXT NOT NULL,
  forced INTEGER NOT NULL,
  commits_new INTEGER NOT NULL,
  commits_verified INTEGER NOT NULL,
  commits_unverified INTEGER NOT NULL,
  commits_baseline INTEGER NOT NULL,
  configuration INTEGER NOT NULL,
  policy_digest TEXT NOT NULL,
  promotion INTEGER,
  approved_by TEXT NOT NULL,
  actor_identity TEXT,
  actor_via TEXT NOT NULL,
  actor_token TEXT,
  previous_version INTEGER,
  previous_commit BLOB,
  time INTEGER NOT NULL,
  UNIQUE (repository, ref, version)
) STRICT;
CREATE INDEX versions_by_commit ON versions (repository, commit_oid);
CREATE TABLE statements (
  repository TEXT NOT NULL,
  ref TEXT NOT NULL,
  version INTEGER NOT NULL,
  payload_digest TEXT NOT NULL,
  envelope BLOB NOT NULL,
  archive_digest TEXT NOT NULL,
  archive_bytes INTEGER NOT NULL,
  entry INTEGER NOT NULL,
  PRIMARY KEY (repository, ref, version)
) STRICT;
CREATE TABLE verdicts (
  commit_oid BLOB PRIMARY KEY,
  commit_digest TEXT NOT NULL,
  verdict TEXT NOT NULL,
  pusher TEXT,
  received INTEGER NOT NULL,
  entry INTEGER NOT NULL
) STRICT;
CREATE INDEX verdicts_by_entry ON verdicts (entry);

CREATE TABLE promotions (
  number INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  source_repository TEXT NOT NULL,
  source_ref TEXT NOT NULL,
  target_repository TEXT NOT NULL,
  target_ref TEXT NOT NULL,
  flow TEXT NOT NULL,
  source_commit BLOB NOT NULL,
  source_commit_digest TEXT NOT NULL,
  tree_oid BLOB NOT NULL,
  tree_digest TEXT NOT NULL,
  base_commit BLOB,
  base_version INTEGER NOT NULL,
  state TEXT NOT NULL,
  revision INTEGER NOT NULL,
  title TEXT NOT NULL,
  message TEXT NOT NULL,
  opener TEXT NOT NULL,
  opened INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  rollback_to INTEGER NOT NULL,
  merged_version INTEGER,
  ended_by TEXT,
  ended INTEGER
) STRICT;
CREATE INDEX promotions_by_target ON promotions (target_repository, target_ref, number);
CREATE TABLE approvals (
  id INTEGER PRIMARY KEY,
  promotion INTEGER NOT NULL REFERENCES promotions (number),
  revision INTEGER NOT NULL,
  identity TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  verdict TEXT NOT NULL,
  envelope_digest TEXT NOT NULL,
  received INTEGER NOT NULL,
  expires INTEGER,
  drops TEXT NOT NULL,
  entry INTEGER NOT NULL
) STRICT;
CREATE INDEX approvals_by_promotion ON approvals (promotion);
CREATE TABLE checks (
  id INTEGER PRIMARY KEY,
  promotion INTEGER NOT NULL REFERENCES promotions (number),
  revision INTEGER NOT NULL,
  name TEXT NOT NULL,
  status TEXT NOT NULL,
  url TEXT NOT NULL,
  identity TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  envelope_digest TEXT NOT NULL,
  received INTEGER NOT NULL,
  entry INTEGER NOT NULL
) STRICT;
CREATE INDEX checks_by_promotion ON checks (promotion);
CREATE TABLE comments (
  id INTEGER PRIMARY KEY,
  promotion INTEGER NOT NULL REFERENCES promotions (number),
  identity TEXT NOT NULL,
  text TEXT NOT NULL,
  path TEXT,
  line INTEGER,
  time INTEGER NOT NULL,
  entry INTEGER NOT NULL
) STRICT;
CREATE INDEX comments_by_promotion ON comments (promotion);

CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  identity TEXT NOT NULL,
  scope TEXT NOT NULL,
  repositories TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  revoked INTEGER,
  entry INTEGER NOT NULL
) STRICT;
CREATE TABLE suspensions (
  identity TEXT PRIMARY KEY,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  repository TEXT,
  ref TEXT,
  old_commit BLOB,
  new_commit BLOB,
  payload BLOB NOT NULL,
  created INTEGER NOT NULL
) STRICT;
CREATE TABLE named_values (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (
  caller TEXT NOT NULL,
  key TEXT NOT NULL,
  request_digest TEXT NOT NULL,
  response BLOB NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (caller, key)
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created);
)sql";

constexpr std::array<std::string_view, 1> kMigrations = {kMigration1};

}  // namespace

std::int64_t newest_ledger_schema() { return static_cast<std::int64_t>(kMigrations.size()); }

Result<> migrate_ledger(Database& database) {
  const std::int64_t version = TRY(database.integer("PRAGMA user_version"));
  if (version > newest_ledger_schema()) {
    return invalid_argument("opening the ledger: it was written by a newer release",
                            "use that release");
  }
  for (auto next = static_cast<std::size_t>(version); next < kMigrations.size(); ++next) {
    const std::string script = "BEGIN IMMEDIATE;" + std::string(kMigrations[next]) +
                               "PRAGMA user_version = " + std::to_string(next + 1) + "; COMMIT;";
    const Result<> done = database.execute(script);
    if (!done) {
      if (database.in_transaction()) (void)database.execute("ROLLBACK");
      return done;
    }
  }
  return {};
}

Result<> configure_writer(Database& database) {
  const std::string mode = TRY(database.text("PRAGMA journal_mode = WAL"));
  if (mode != "wal") return internal_error("opening the ledger: no write-ahead log here");
  return database.execute(
      "PRAGMA synchronous = FULL;"
      "PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA foreign_keys = ON;"
      "PRAGMA cell_size_check = ON;"
      "PRAGMA temp_store = MEMORY;");
}

Result<> configure_reader(Database& database) {
  TRY(
      database.execute("PRAGMA query_only = ON;"
                       "PRAGMA wal_autocheckpoint = 0;"
                       "PRAGMA cell_size_check = ON;"
                       "PRAGMA temp_store = MEMORY;"));
  const int rc = sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (rc != SQLITE_OK) return std::unexpected(sqlite_error(database.handle(), rc, "configuring"));
  return {};
}

}  // namespace statehouse
