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

Result<OwedStatement> parse_owed_statement(const OutboxRecord& record) {
  const Json payload = TRY(parse_json(record.payload));
  const std::string repository = TRY(json_string(payload, "repository"));
  const std::string ref = TRY(json_string(payload, "ref"));
  const std::int64_t version = TRY(json_integer(payload, "version"));
  RepositoryName repository_name = TRY(RepositoryName::parse(repository));
  RefName ref_name = TRY(RefName::parse(ref));
  return OwedStatement{RefKey{std::move(repository_name), std::move(ref_name)},
                       static_cast<VersionNumber>(version), record.id};
}

}  // namespace statehouse
