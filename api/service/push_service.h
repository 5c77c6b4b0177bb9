#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/service/caller.h"
#include "api/service/core.h"
#include "api/service/fetch_service.h"
#include "api/service/write_path.h"
#include "store/git/quarantine.h"

namespace statehouse {

/// What a Git client asks a push to do.
struct PushIntent {
  RepositoryName repository;
  std::vector<ProposedMove> moves;
  bool dry_run = false;  ///< `git push -o dry-run`
};

/// What the client is told.
struct PushReport {
  struct Ref {
    RefName ref;
    std::optional<std::string> refused;  ///< why, in one line; none: accepted
  };
  std::optional<std::string> unpack_error;  ///< the pack itself was no good
  std::vector<Ref> refs;
  std::vector<std::string> remote_lines;  ///< for `remote:`; without line ends; safe for a terminal
};

/// Takes pushes: objects into quarantine, checks, and the write path. Threads: any.
class PushService {
 public:
  PushService(Core& core, FetchService& access, WritePath& write_path, RefusalLog& refusals)
      : core_(core), access_(access), write_path_(write_path), refusals_(refusals) {}

  /// All refs move, or none. A refusal is in the report.
  /// Errors: kDenied (the caller cannot push anything here), kNotFound, kUnavailable, kInternal
  /// (outcome unknown), kCorrupt (what the store has is damaged: alarm `object`). REQUIRES:
  /// `intent.moves` is not empty; no ref occurs twice.
  Result<PushReport> push(const AuthenticatedCaller& caller, const PushIntent& intent,
                          const std::optional<PackInput>& pack);

 private:
  Result<PushReport> take(const AuthenticatedCaller& caller, const PushIntent& intent,
                          const std::optional<PackInput>& pack);
  Result<RepositoryView> view_of(const AuthenticatedCaller& caller,
                                 const RepositoryName& repository) const;
  Result<> require_complete(const AuthenticatedCaller& caller, const PushIntent& intent,
                            const Quarantine& quarantine, bool sees_all) const;
  [[nodiscard]] Result<> require_own_tips(const RepositoryName& repository) const;
  Result<PushReport> refuse_objects(const AuthenticatedCaller& caller, const PushIntent& intent,
                                    const Error& error);

  Core& core_;
  FetchService& access_;
  WritePath& write_path_;
  RefusalLog& refusals_;
};

}  // namespace statehouse
