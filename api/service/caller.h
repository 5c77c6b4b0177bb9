#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "policy/glob.h"
#include "store/ledger/records.h"
#include "store/model/name.h"

namespace statehouse {

/// Who is asking, as far as the server could prove it. A value; only the makers below exist, and
/// `for_token` is called by token authentication alone.
///
/// A caller says who somebody is and how narrow their token is. What they may do is up to policy.
class AuthenticatedCaller {
 public:
  /// How the caller was recognised; the `via` of an entry's actor.
  enum class Via { kAnonymous, kToken, kControl, kServer };

  /// Nobody in particular: sees what some policy lets `anyone` read.
  static AuthenticatedCaller anonymous();
  /// The operator of the host, through the control socket or the data directory's lock: reads
  /// everything, mints tokens, runs maintenance, moves nothing.
  static AuthenticatedCaller control();
  /// The server itself, for entries that nobody asked for.
  static AuthenticatedCaller server();
  /// REQUIRES: the token was checked: it exists, is not revoked and not expired.
  /// `repositories` narrows it; none means every repository, `system` included.
  static AuthenticatedCaller for_token(ResourceName identity, std::string token_id,
                                       TokenScope scope, std::optional<Glob> repositories,
                                       Timestamp expires);

  [[nodiscard]] Via via() const { return via_; }
  [[nodiscard]] std::string_view via_name() const;
  [[nodiscard]] const std::optional<ResourceName>& identity() const { return identity_; }
  /// The identity's name, or "" for callers that have none.
  [[nodiscard]] std::string identity_name() const { return identity_ ? identity_->str() : ""; }
  [[nodiscard]] const std::string& token_id() const { return token_id_; }
  [[nodiscard]] TokenScope scope() const { return scope_; }
  [[nodiscard]] std::optional<Timestamp> expires() const { return expires_; }
  [[nodiscard]] bool is_control() const { return via_ == Via::kControl; }

  /// Errors: kDenied when the token's scope is narrower than `needed`, or nobody is logged in and
  /// more than reading is asked for.
  [[nodiscard]] Result<> require_scope(TokenScope needed) const;

  /// Errors: kDenied when the token is for some repositories only: what is asked for is about the
  /// whole store.
  [[nodiscard]] Result<> require_whole_store(std::string_view doing) const;

  /// The same as the ledger's `actor`.
  [[nodiscard]] Actor actor() const;

  /// Whether the token's repository glob covers `repository`; true for callers without a token.
  [[nodiscard]] bool covers(const RepositoryName& repository) const;
  /// Whether the token is for some repositories only.
  [[nodiscard]] bool is_narrowed() const { return repositories_.has_value(); }

 private:
  explicit AuthenticatedCaller(Via via) : via_(via) {}

  Via via_;
  std::optional<ResourceName> identity_;
  std::string token_id_;
  TokenScope scope_ = TokenScope::kRead;
  std::optional<Glob> repositories_;
  std::optional<Timestamp> expires_;
};

}  // namespace statehouse
