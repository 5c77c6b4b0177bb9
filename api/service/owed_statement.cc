#include "api/service/owed_statement.h"

#include "crypto/base/json.h"

namespace statehouse {

Result<> owe_statement(Transaction& transaction, const VersionRecord& version) {
  const Json payload = {{"repository", version.key.repository.str()},
                        {"ref", version.key.ref.str()},
                        {"version", version.version}};
  TRY(transaction.put_outbox(kOutboxIssueStatement, dump_json(payload)));
  return {};
}

Result<bool> owes_statements(const LedgerReader& ledger, const RefKey& key, VersionNumber newest,
                             VersionNumber count) {
  if (newest < count) return false;
  // Statements of a ref are issued in order: the oldest that could be owed tells. A deletion has
  // none.
  for (VersionNumber number = newest - count + 1; number <= newest; ++number) {
    const auto version = TRY(ledger.version(key, number));
    if (!version || !version->content) continue;
    const auto statement = TRY(ledger.statement(key, number));
    return !statement;
  }
  return false;
}

namespace {

Result<OwedStatement> read_payload(const OutboxRecord& record) {
  const Json payload = TRY(parse_json(record.payload));
  const std::string repository = TRY(json_string(payload, "repository"));
  const std::string ref = TRY(json_string(payload, "ref"));
  const std::int64_t version = TRY(json_integer(payload, "version"));
  RepositoryName repository_name = TRY(RepositoryName::parse(repository));
  RefName ref_name = TRY(RefName::parse(ref));
  return OwedStatement{RefKey{std::move(repository_name), std::move(ref_name)},
                       static_cast<VersionNumber>(version), record.id};
}

}  // namespace

Result<OwedStatement> parse_owed_statement(const OutboxRecord& record) {
  auto owed = read_payload(record);
  if (owed) return owed;
  return corrupt("reading outbox row " + std::to_string(record.id) + ": " + owed.error().message);
}

}  // namespace statehouse
