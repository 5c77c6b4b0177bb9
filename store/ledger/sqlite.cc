#include "store/ledger/sqlite.h"

#include <utility>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

ErrorCode code_of(int rc) {
  if (rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE ||
      rc == SQLITE_CONSTRAINT_ROWID) {
    return ErrorCode::kConflict;
  }
  switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorrupt;
    case SQLITE_CANTOPEN:
      return ErrorCode::kNotFound;
    default:
      return ErrorCode::kInternal;
  }
}

int open_flags(Database::Mode mode) {
  constexpr int kAlways = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (mode) {
    case Database::Mode::kReadWrite:
      return kAlways | SQLITE_OPEN_READWRITE;
    case Database::Mode::kCreate:
      return kAlways | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    case Database::Mode::kUnchanging:
      return kAlways | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  }
  return kAlways;
}

/// https://www.sqlite.org/uri.html: only a URI can say `immutable`.
std::string immutable_uri(const Path& path) {
  std::string uri = "file:";
  for (const char c : path.string()) {
    const bool special = c == '?' || c == '#' || c == '%';
    uri += special ? "%" + hex_encode(std::string_view(&c, 1)) : std::string(1, c);
  }
  return uri + "?immutable=1";
}

}  // namespace

Error sqlite_error(sqlite3* database, int rc, std::string_view doing) {
  const char* detail = database == nullptr ? sqlite3_errstr(rc) : sqlite3_errmsg(database);
  return Error{code_of(rc), std::string(doing) + ": " + detail, ""};
}

Result<Database> Database::open(const Path& path, Mode mode) {
  const std::string name = mode == Mode::kUnchanging ? immutable_uri(path) : path.string();
  sqlite3* handle = nullptr;
  const int rc = sqlite3_open_v2(name.c_str(), &handle, open_flags(mode), nullptr);
  Database database;
  database.handle_.reset(handle);  // owns also after a failed open
  if (rc != SQLITE_OK) {
    return std::unexpected(sqlite_error(handle, rc, "opening " + path.filename().string()));
  }
  // Schema text is never trusted to call functions; double quotes never mean strings.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_busy_timeout(handle, 5000);
  return database;
}

Result<> Database::execute(const std::string& sql) {
  const int rc = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return std::unexpected(sqlite_error(handle_.get(), rc, "running SQL"));
  return {};
}

Result<std::int64_t> Database::integer(const std::string& sql) {
  Statement statement = TRY(Statement::prepare(*this, sql));
  const auto value =
      TRY(statement.one([](const Row& row) { return Result<std::int64_t>(row.integer(0)); }));
  if (!value) return internal_error("running SQL: no row");
  return *value;
}

Result<std::string> Database::text(const std::string& sql) {
  Statement statement = TRY(Statement::prepare(*this, sql));
  const auto value =
      TRY(statement.one([](const Row& row) { return Result<std::string>(row.text(0)); }));
  if (!value) return internal_error("running SQL: no row");
  return *value;
}

std::string_view Row::view(int column) const {
  // The pointer first: asking for the bytes may convert, and so change the length.
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (bytes == nullptr || size <= 0) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::optional<std::string> Row::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::optional<std::uint64_t> Row::optional_count(int column) const {
  if (is_null(column)) return std::nullopt;
  return count(column);
}

std::optional<Timestamp> Row::optional_time(int column) const {
  if (is_null(column)) return std::nullopt;
  return time(column);
}

Result<Statement> Statement::prepare(const Database& database, std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int rc = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  Statement statement;
  statement.handle_.reset(handle);
  if (rc != SQLITE_OK) {
    return std::unexpected(
        sqlite_error(database.handle(), rc, "preparing `" + std::string(sql.substr(0, 60)) + "`"));
  }
  return statement;
}

int Statement::bind(int position, std::int64_t value) {
  return sqlite3_bind_int64(handle_.get(), position, value);
}

int Statement::bind(int position, std::string_view text) {
  // A null pointer would bind NULL. The bytes outlive the execution: SQLITE_STATIC needs no copy.
  const char* data = text.data() == nullptr ? "" : text.data();
  return sqlite3_bind_text64(handle_.get(), position, data, text.size(), SQLITE_STATIC,
                             SQLITE_UTF8);
}

int Statement::bind(int position, Blob blob) {
  const char* data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
  return sqlite3_bind_blob64(handle_.get(), position, data, blob.bytes.size(), SQLITE_STATIC);
}

int Statement::bind(int position, std::nullopt_t) {
  return sqlite3_bind_null(handle_.get(), position);
}

Result<bool> Statement::step() {
  const int rc = sqlite3_step(handle_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return std::unexpected(failure(rc));
}

Error Statement::failure(int rc) const {
  return sqlite_error(sqlite3_db_handle(handle_.get()), rc, "using the ledger's database");
}

}  // namespace statehouse
