#include "tests/store/ledger/fixture.h"

#include "store/ledger/sqlite.h"

namespace statehouse {

void LedgerFixture::harm(const std::string& sql, const Path& path) {
  Database database = *Database::open(path, Database::Mode::kReadWrite);
  const Result<> done = database.execute(sql);
  REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
}

}  // namespace statehouse
