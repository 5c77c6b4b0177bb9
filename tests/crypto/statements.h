#pragma once

#include <string>

#include "crypto/statement.h"

namespace statehouse {

/// 2026-01-01T00:00:00Z
inline constexpr Timestamp kNewYear = Timestamp::from_unix_seconds(1'767'225'600);

inline VersionStatement version_statement() {
  const std::string digest = "sha256:" + std::string(64, 'f');
  return {"example.com/store",
          1,
          "platform",
          "refs/heads/deploy",
          7,
          "promotion",
          std::string(40, 'a'),
          std::string(64, 'c'),
          std::string(40, 'b'),
          std::string(64, 'd'),
          std::string(64, 'e'),
          10240,
          digest,
          digest,
          kNewYear,
          41};
}

inline HeadStatement head_statement() {
  return {"example.com/store",
          1,
          {{"platform", "refs/heads/audit", 9, std::string(40, 'a'), std::string(40, 'b')},
           {"platform", "refs/heads/deploy", 7, std::string(40, 'c'), std::string(40, 'd')}},
          42,
          merkle_leaf_hash("root"),
          kNewYear,
          kNewYear + std::chrono::hours(24)};
}

inline ApprovalStatement approval_statement() {
  return {"example.com/store",
          1,
          12,
          ApprovalVerdict::kApprove,
          "platform",
          "refs/heads/audit",
          std::string(40, 'a'),
          std::string(64, 'c'),
          "platform",
          "refs/heads/deploy",
          std::string(40, 'e'),
          std::string(40, 'b'),
          std::string(64, 'd'),
          "deploy",
          "sha256:" + std::string(64, 'f'),
          {3, 5},
          kNewYear,
          kNewYear + std::chrono::hours(24)};
}

}  // namespace statehouse
