#pragma once

#include <string>
#include <string_view>

#include "api/service/caller.h"
#include "api/service/core.h"
#include "crypto/statement.h"
#include "policy/decision.h"

namespace statehouse {

// The log entries of a promotion's life (schemas/events/). Pure.

/// "promotion/12"
std::string promotion_subject(PromotionNumber number);

/// promotion.opened or promotion.updated; title and message are evidence.
EntryDraft promotion_pinned_event(EventType type, const AuthenticatedCaller& caller,
                                  const PromotionRecord& record);
EntryDraft promotion_commented_event(const AuthenticatedCaller& caller,
                                     const CommentRecord& comment);
/// promotion.approved or promotion.rejected; the signed envelope is evidence "approval".
EntryDraft promotion_judged_event(const AuthenticatedCaller& caller, const PromotionRecord& record,
                                  const ApprovalStatement& statement, std::string_view fingerprint,
                                  std::string_view envelope);
/// promotion.refused; the decision is evidence.
EntryDraft promotion_refused_event(const AuthenticatedCaller& caller, PromotionNumber number,
                                   std::string_view action, const Decision& decision);
EntryDraft promotion_closed_event(const AuthenticatedCaller& caller, PromotionNumber number);
/// configuration.activated, for a version of `system`'s deploy ref.
EntryDraft configuration_activated_event(const AuthenticatedCaller& caller,
                                         const VersionRecord& version);

}  // namespace statehouse
