#include "api/service/token_service.h"

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/base/json.h"
#include "crypto/sha256.h"
#include "policy/evaluate.h"

namespace statehouse {

namespace {

constexpr std::string_view kTokenPrefix = "sth_";
constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kTokenTextBytes = 4 + 43;
constexpr std::size_t kKnownMax = 10'000;
constexpr std::chrono::seconds kSuspensionsAgeMax{1};

std::unexpected<Error> bad_token() {
  return denied("authenticating: the access token is not valid",
                "it may have expired or been revoked; ask for a new one");
}

EntryDraft created_event(const AuthenticatedCaller& caller, const TokenRecord& record) {
  EntryDraft draft{
      EventType::kTokenCreated, "token/" + record.id, caller.actor(), Json::object(), {}};
  draft.data = {
      {"id", record.id},
      {"identity", record.identity},
      {"scope", name_of(record.scope)},
      {"repositories", record.repositories.empty() ? Json(nullptr) : Json(record.repositories)},
      {"expires", record.expires.rfc3339()}};
  return draft;
}

}  // namespace

Result<AuthenticatedCaller> TokenService::authenticate(std::string_view text) const {
  if (text.size() != kTokenTextBytes || !text.starts_with(kTokenPrefix)) return bad_token();
  const auto record = TRY(find(sha256(text)));
  const Timestamp now = core_.clock.now();
  if (!record || record->revoked || record->expires <= now) return bad_token();
  const ResourceName identity = TRY(ResourceName::parse(record->identity));
  const auto active = core_.configuration.current();
  if (active->configuration.identity(identity) == nullptr) return bad_token();
  const bool suspended = TRY(is_suspended(record->identity, now));
  if (suspended) return bad_token();
  std::optional<Glob> repositories;
  if (!record->repositories.empty()) repositories = TRY(Glob::parse(record->repositories));
  return AuthenticatedCaller::for_token(identity, record->id, record->scope,
                                        std::move(repositories), record->expires);
}

Result<std::optional<TokenRecord>> TokenService::find(const std::string& hash) const {
  std::uint64_t revocations = 0;
  {
    const std::lock_guard lock(mutex_);
    // A map of SHA-256 values: how long a lookup takes says nothing about any token's text.
    const auto known = known_.find(hash);
    if (known != known_.end()) return std::optional(known->second);
    revocations = revocations_;
  }
  auto record = TRY(core_.ledger.read().token_by_hash(hash));
  if (record && !record->revoked) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kKnownMax) known_.clear();
    // What was read before a revocation is not remembered after it.
    if (revocations == revocations_) known_.emplace(hash, *record);
  }
  return record;
}

Result<bool> TokenService::is_suspended(const std::string& identity, Timestamp now) const {
  const std::lock_guard lock(mutex_);
  if (!suspensions_read_ || now - *suspensions_read_ >= kSuspensionsAgeMax ||
      now < *suspensions_read_) {
    suspensions_ = TRY(core_.ledger.read().suspensions(now));
    suspensions_read_ = now;
  }
  return std::ranges::any_of(suspensions_, [&](const SuspensionRecord& suspension) {
    return suspension.identity == identity && now < suspension.until;
  });
}

bool TokenService::is_administrator(const AuthenticatedCaller& caller) const {
  if (caller.is_control()) return true;
  const auto active = core_.configuration.current();
  return caller.identity() && caller.scope() == TokenScope::kAdmin &&
         statehouse::is_administrator(active->configuration, *caller.identity());
}

Result<NewToken> TokenService::create(const AuthenticatedCaller& caller,
                                      const TokenRequest& request) {
  if (!is_administrator(caller)) {
    return denied("creating a token: only administrators may",
                  "use an administrator's token of scope admin, or --data on the host");
  }
  TRY(caller.require_whole_store("creating a token"));
  const auto active = core_.configuration.current();
  const Identity* identity = active->configuration.identity(request.identity);
  if (identity == nullptr) {
    return not_found("creating a token: there is no identity " + request.identity.str(),
                     "declare it in the `system` repository first");
  }
  const Milliseconds fallback = identity->type == IdentityType::kRobot
                                    ? Milliseconds(kRobotDefault)
                                    : Milliseconds(kPersonDefault);
  const Milliseconds expires_in = request.expires_in.value_or(fallback);
  if (expires_in > kExpiresMax) {
    return invalid_argument("creating a token: it may live at most 366 days");
  }
  NewToken token;
  token.text = std::string(kTokenPrefix) + base64url_encode(core_.entropy.bytes(kTokenBytes));
  TokenRecord& record = token.record;
  record.id = "tok_" + hex_encode(core_.entropy.bytes(8));
  record.hash = sha256(token.text);
  record.identity = request.identity.str();
  record.scope = request.scope;
  if (request.repositories) record.repositories = request.repositories->str();
  record = TRY(core_.ledger.commit([&](Transaction& transaction) -> Result<TokenRecord> {
    TokenRecord made = record;
    made.created = transaction.time();
    made.expires = made.created + expires_in;
    const AppendedEntry entry = TRY(transaction.append(created_event(caller, made)));
    made.entry = entry.index;
    TRY(transaction.insert_token(made));
    return made;
  }));
  return token;
}

Result<> TokenService::revoke(const AuthenticatedCaller& caller, std::string_view id) {
  // What is stolen may always be made worthless; anything more is administration.
  const bool itself = !caller.token_id().empty() && caller.token_id() == id;
  if (!itself) TRY(caller.require_whole_store("revoking another token"));
  const auto record = TRY(core_.ledger.read().token(id));
  const bool own = record && caller.identity_name() == record->identity;
  if (!record || (!own && !is_administrator(caller))) {
    return not_found("revoking a token: there is no token " + escape_for_message(id, 40));
  }
  if (!itself) TRY_WITH("revoking another token", caller.require_scope(TokenScope::kAdmin));
  TRY(core_.ledger.commit([&](Transaction& transaction) -> Result<> {
    EntryDraft draft{
        EventType::kTokenRevoked, "token/" + record->id, caller.actor(), Json::object(), {}};
    draft.data = {{"id", record->id}, {"identity", record->identity}};
    TRY(transaction.append(std::move(draft)));
    return transaction.revoke_token(record->id);
  }));
  const std::lock_guard lock(mutex_);
  known_.erase(record->hash);
  ++revocations_;
  return {};
}

Result<std::vector<TokenRecord>> TokenService::list(const AuthenticatedCaller& caller) const {
  TRY(caller.require_whole_store("listing tokens"));
  std::vector<TokenRecord> records = TRY(core_.ledger.read().tokens());
  if (!is_administrator(caller)) {
    std::erase_if(records, [&](const TokenRecord& record) {
      return record.identity != caller.identity_name();
    });
  }
  return records;
}

}  // namespace statehouse
