#include "store/ledger/records.h"

#include <array>
#include <utility>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

/// One row per enumerator, in order: the enumerator's value is its index.
template <typename Enum, std::size_t Count>
struct Names {
  std::string_view what;
  std::array<std::string_view, Count> texts;

  [[nodiscard]] std::string_view name(Enum value) const {
    return texts[static_cast<std::size_t>(value)];
  }
  [[nodiscard]] Result<Enum> parse(std::string_view text) const {
    for (std::size_t i = 0; i < Count; ++i) {
      if (texts[i] == text) return static_cast<Enum>(i);
    }
    return invalid_argument("reading " + std::string(what) +
                            ": no such value: " + escape_for_message(text, 40));
  }
};

constexpr Names<ActorVia, 4> kActorVias{"an actor's via", {"token", "control", "server", "root"}};
constexpr Names<VersionKind, 6> kVersionKinds{
    "a version's kind", {"push", "import", "promotion", "rollback", "initial", "delete"}};
constexpr Names<PromotionState, 3> kPromotionStates{"a promotion's state",
                                                    {"open", "merged", "closed"}};
constexpr Names<PromotionKind, 2> kPromotionKinds{"a promotion's kind", {"promotion", "rollback"}};
constexpr Names<ApprovalVerdict, 2> kApprovalVerdicts{"a verdict", {"approve", "reject"}};
constexpr Names<CheckStatus, 3> kCheckStatuses{"a check's status",
                                               {"success", "failure", "pending"}};
constexpr Names<TokenScope, 3> kTokenScopes{"a token's scope", {"read", "write", "admin"}};

}  // namespace

std::string_view name_of(ActorVia via) { return kActorVias.name(via); }
std::string_view name_of(VersionKind kind) { return kVersionKinds.name(kind); }
std::string_view name_of(PromotionState state) { return kPromotionStates.name(state); }
std::string_view name_of(PromotionKind kind) { return kPromotionKinds.name(kind); }
std::string_view name_of(ApprovalVerdict verdict) { return kApprovalVerdicts.name(verdict); }
std::string_view name_of(CheckStatus status) { return kCheckStatuses.name(status); }
std::string_view name_of(TokenScope scope) { return kTokenScopes.name(scope); }

Result<ActorVia> parse_actor_via(std::string_view text) { return kActorVias.parse(text); }
Result<VersionKind> parse_version_kind(std::string_view text) { return kVersionKinds.parse(text); }
Result<PromotionState> parse_promotion_state(std::string_view text) {
  return kPromotionStates.parse(text);
}
Result<PromotionKind> parse_promotion_kind(std::string_view text) {
  return kPromotionKinds.parse(text);
}
Result<ApprovalVerdict> parse_approval_verdict(std::string_view text) {
  return kApprovalVerdicts.parse(text);
}
Result<CheckStatus> parse_check_status(std::string_view text) { return kCheckStatuses.parse(text); }
Result<TokenScope> parse_token_scope(std::string_view text) { return kTokenScopes.parse(text); }

}  // namespace statehouse
