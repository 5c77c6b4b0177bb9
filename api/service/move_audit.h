#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "api/service/core.h"
#include "store/ledger/event.h"

namespace statehouse {

/// Holds every move in the log against what it must have rested on: the configuration that was in
/// force, as the log says what that was; the policies in it that governed the ref, by their digest;
/// the tree of the commit; and, for a promotion, what its newest pin says.
///
/// Memory: one configuration, and the pins of open promotions. What cannot be looked at is a
/// finding too. One thread.
class MoveAudit {
 public:
  enum class Weight { kNote, kDamage };
  using Find = std::function<void(Weight weight, std::string where, std::string what)>;

  MoveAudit(Core& core, Find find);

  /// REQUIRES: called for each entry of the log, in order.
  void see(const ParsedEntry& event, EntryIndex index);

 private:
  struct Pin {
    std::string flow;
    Oid source_commit;
    Oid tree;
  };

  void pin(const ParsedEntry& event);
  void check_move(const VersionRecord& version);
  void check_tree(const VersionRecord& version, const std::string& where);
  void check_configuration(const VersionRecord& version, const std::string& where);
  void check_policy(const VersionRecord& version, const std::string& where);
  void check_promotion(const VersionRecord& version, const std::string& where);
  Result<> check_strategy(const VersionRecord& version, const Pin& pin, const Flow& flow) const;
  /// The configuration that was in force before the move, read once; null when it cannot be read.
  const Configuration* configuration_for(const VersionRecord& version);
  Result<OpenPgpKeySummary> inspect(std::string_view armored);
  void damage(const std::string& where, std::string what);

  Core& core_;
  Find find_;
  std::uint64_t found_ = 0;
  VersionNumber in_force_ = 0;  ///< version of `system`'s deploy ref; 0 before the first
  std::optional<Oid> tree_;     ///< of that version
  bool is_read_ = false;        ///< whether `configuration_` is what could be read of `tree_`
  std::optional<Configuration> configuration_;
  std::map<PromotionNumber, Pin> pins_;                         ///< of promotions that are open
  std::map<std::string, OpenPgpKeySummary, std::less<>> keys_;  ///< by their armored text
};

}  // namespace statehouse
