#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/service/caller.h"
#include "api/service/core.h"

namespace statehouse {

/// What a token is to be.
struct TokenRequest {
  ResourceName identity;
  std::optional<Milliseconds> expires_in;  ///< none: people 24 h, robots 90 d
  TokenScope scope = TokenScope::kRead;
  std::optional<Glob> repositories;
};

/// A new token: the only time its text exists outside its holder.
struct NewToken {
  std::string text;  ///< secret
  TokenRecord record;
};

/// Access tokens: minted, kept as SHA-256, recognised. Threads: any.
class TokenService {
 public:
  static constexpr std::chrono::days kExpiresMax{366};
  static constexpr std::chrono::hours kPersonDefault{24};
  static constexpr std::chrono::days kRobotDefault{90};

  explicit TokenService(Core& core) : core_(core) {}

  /// Who holds `text`. Errors: kDenied for anything that is not a live token of a declared identity
  /// that is not suspended; the message does not say which.
  [[nodiscard]] Result<AuthenticatedCaller> authenticate(std::string_view text) const;

  /// For administrators with an admin token, and the host's operator. Logged.
  /// Errors: kDenied, kNotFound (no such identity), kInvalidArgument (expiry).
  Result<NewToken> create(const AuthenticatedCaller& caller, const TokenRequest& request);

  /// A token may always revoke itself. Any other: with a token of scope admin that is not narrowed,
  /// one's own, and administrators everybody's. Errors: kDenied, kNotFound, kConflict.
  Result<> revoke(const AuthenticatedCaller& caller, std::string_view id);

  /// Newest first: all for administrators and the operator, one's own otherwise. Errors: kDenied
  /// (narrowed).
  [[nodiscard]] Result<std::vector<TokenRecord>> list(const AuthenticatedCaller& caller) const;

 private:
  [[nodiscard]] bool is_administrator(const AuthenticatedCaller& caller) const;
  Result<std::optional<TokenRecord>> find(const std::string& hash) const;
  Result<bool> is_suspended(const std::string& identity, Timestamp now) const;

  Core& core_;
  mutable std::mutex mutex_;
  // Guarded by mutex_. Tokens that were found in the ledger, by the hash of their text; only this
  // object changes them, so a copy is current. Suspensions are looked up again every second.
  mutable std::map<std::string, TokenRecord> known_;
  std::uint64_t revocations_ = 0;
  mutable std::vector<SuspensionRecord> suspensions_;
  mutable std::optional<Timestamp> suspensions_read_;
};

}  // namespace statehouse
