#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

// Owners for SQLite's handles; internal to store/ledger. Every return code becomes a Result on the
// line after the call. Threads: a Database and its Statements are used by one thread at a time.

/// What `rc` means to a caller: FULL, NOMEM, BUSY and LOCKED are kUnavailable; CORRUPT and NOTADB
/// kCorrupt; a broken uniqueness constraint kConflict; CANTOPEN kNotFound; the rest kInternal.
Error sqlite_error(sqlite3* database, int rc, std::string_view doing);

/// One connection. Closes with the object, after its statements.
class Database {
 public:
  enum class Mode {
    kReadWrite,  ///< of an existing file
    kCreate,     ///< of an existing or new file
    /// Read-only, of an existing file that nobody changes and without a write-ahead log: makes no
    /// file beside it, takes no lock.
    kUnchanging,
  };
  static Result<Database> open(const Path& path, Mode mode);

  /// Runs SQL text of ours (never of a caller), ignoring rows.
  Result<> execute(const std::string& sql);
  /// First column of the first row of a pragma or query of ours.
  Result<std::int64_t> integer(const std::string& sql);
  Result<std::string> text(const std::string& sql);

  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }
  /// False inside BEGIN … COMMIT. SQLite ends a transaction by itself on some errors.
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A value to bind as BLOB; a plain string binds as TEXT.
struct Blob {
  std::string_view bytes;
};

/// The current row of a running statement. Views into it last until the next step.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}

  [[nodiscard]] bool is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  [[nodiscard]] std::int64_t integer(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] std::uint64_t count(int column) const {
    return static_cast<std::uint64_t>(integer(column));
  }
  [[nodiscard]] Timestamp time(int column) const {
    return Timestamp::from_unix_ms(integer(column));
  }
  /// Bytes of a TEXT or BLOB column with their explicit length: NUL does not end them.
  [[nodiscard]] std::string_view view(int column) const;
  [[nodiscard]] std::string text(int column) const { return std::string(view(column)); }
  [[nodiscard]] std::optional<std::string> optional_text(int column) const;
  [[nodiscard]] std::optional<std::uint64_t> optional_count(int column) const;
  [[nodiscard]] std::optional<Timestamp> optional_time(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// One prepared statement. `run`, `one` and `all` bind their arguments in order, execute, and leave
/// the statement reset, whatever happened.
class Statement {
 public:
  Statement() = default;
  static Result<Statement> prepare(const Database& database, std::string_view sql);

  /// Executes without looking at rows.
  template <typename... Arguments>
  Result<> run(const Arguments&... arguments) {
    const Reset reset{handle_.get()};
    TRY(bind_all(arguments...));
    while (TRY(step())) {
    }
    return {};
  }

  /// The first row through `read` (a callable Result<T>(const Row&)), or nullopt.
  template <typename Read, typename... Arguments>
  auto one(Read&& read, const Arguments&... arguments)
      -> Result<std::optional<typename std::invoke_result_t<Read, const Row&>::value_type>> {
    const Reset reset{handle_.get()};
    TRY(bind_all(arguments...));
    const bool found = TRY(step());
    if (!found) return std::nullopt;
    return TRY(read(Row(handle_.get())));
  }

  /// All rows through `read`.
  template <typename Read, typename... Arguments>
  auto all(Read&& read, const Arguments&... arguments)
      -> Result<std::vector<typename std::invoke_result_t<Read, const Row&>::value_type>> {
    std::vector<typename std::invoke_result_t<Read, const Row&>::value_type> values;
    const Reset reset{handle_.get()};
    TRY(bind_all(arguments...));
    while (TRY(step())) values.push_back(TRY(read(Row(handle_.get()))));
    return values;
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  struct Reset {
    sqlite3_stmt* handle;
    ~Reset() { sqlite3_reset(handle); }
  };

  template <typename... Arguments>
  Result<> bind_all(const Arguments&... arguments) {
    int position = 0;
    int rc = SQLITE_OK;
    ((rc = rc == SQLITE_OK ? bind(++position, arguments) : rc), ...);
    if (rc != SQLITE_OK) return std::unexpected(failure(rc));
    return {};
  }
  int bind(int position, std::int64_t value);
  int bind(int position, std::uint64_t value) {
    return bind(position, static_cast<std::int64_t>(value));
  }
  int bind(int position, int value) { return bind(position, static_cast<std::int64_t>(value)); }
  int bind(int position, unsigned value) {
    return bind(position, static_cast<std::int64_t>(value));
  }
  int bind(int position, bool value) { return bind(position, std::int64_t{value ? 1 : 0}); }
  int bind(int position, Timestamp value) { return bind(position, value.unix_ms()); }
  int bind(int position, std::string_view text);
  int bind(int position, const std::string& text) { return bind(position, std::string_view(text)); }
  int bind(int position, const char* text) { return bind(position, std::string_view(text)); }
  int bind(int position, Blob blob);
  int bind(int position, std::nullopt_t);
  template <typename Value>
  int bind(int position, const std::optional<Value>& value) {
    return value ? bind(position, *value) : bind(position, std::nullopt);
  }
  Result<bool> step();
  [[nodiscard]] Error failure(int rc) const;

  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

}  // namespace statehouse
