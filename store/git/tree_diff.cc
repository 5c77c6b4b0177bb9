#include "store/git/tree_diff.h"

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

bool is_file(FileMode mode) { return mode == FileMode::kFile || mode == FileMode::kExecutable; }

/// Two folders of one path, side by side; either may be absent (then it has no entries).
struct Pair {
  std::vector<TreeEntry> old_entries;
  std::vector<TreeEntry> new_entries;
  std::size_t old_next = 0;
  std::size_t new_next = 0;
  std::string prefix;
};

/// Merges two trees, which lie in the same order.
class TreeDiffer {
 public:
  TreeDiffer(const GitRepository& repository, const TreeBudget& budget)
      : repository_(repository), budget_(budget) {}

  Result<std::vector<TreeChange>> run(const std::optional<Oid>& from, const Oid& to) {
    if (from == to) return std::move(changes_);
    TRY(enter(from, to, ""));
    while (!pairs_.empty()) TRY(step());
    return std::move(changes_);
  }

 private:
  Result<> enter(const std::optional<Oid>& from, const std::optional<Oid>& to, std::string prefix) {
    if (pairs_.size() > budget_.depth_max) {
      return invalid_argument("comparing trees: more than " + std::to_string(budget_.depth_max) +
                              " nested folders at " + escape_for_message(prefix));
    }
    Pair pair;
    if (from) pair.old_entries = TRY(repository_.read_tree(*from));
    if (to) pair.new_entries = TRY(repository_.read_tree(*to));
    pair.prefix = std::move(prefix);
    entries_met_ += pair.old_entries.size() + pair.new_entries.size();
    if (entries_met_ > budget_.entries_max) {
      return invalid_argument("comparing trees: more than " + std::to_string(budget_.entries_max) +
                              " entries");
    }
    pairs_.push_back(std::move(pair));
    return {};
  }

  /// Looks at the next name on either side.
  Result<> step() {
    Pair& pair = pairs_.back();
    const bool old_left = pair.old_next < pair.old_entries.size();
    const bool new_left = pair.new_next < pair.new_entries.size();
    if (!old_left && !new_left) {
      pairs_.pop_back();
      return {};
    }
    int order = 0;
    if (!old_left) order = 1;
    if (!new_left) order = -1;
    if (old_left && new_left) {
      const TreeEntry& one = pair.old_entries[pair.old_next];
      const TreeEntry& other = pair.new_entries[pair.new_next];
      order = compare_tree_entries(one.name, one.is_tree(), other.name, other.is_tree());
    }
    // Copies: entering a folder moves the vector that `pair` lies in.
    std::optional<TreeEntry> before;
    std::optional<TreeEntry> after;
    if (order <= 0) before = pair.old_entries[pair.old_next++];
    if (order >= 0) after = pair.new_entries[pair.new_next++];
    return compare(before, after, pair.prefix + (before ? before->name : after->name));
  }

  Result<> compare(const std::optional<TreeEntry>& before, const std::optional<TreeEntry>& after,
                   std::string path) {
    const bool is_folder = before ? before->is_tree() : after->is_tree();
    if (before && after && before->oid == after->oid && before->mode == after->mode) return {};
    if (is_folder) {
      std::optional<Oid> from;
      std::optional<Oid> to;
      if (before) from = before->oid;
      if (after) to = after->oid;
      return enter(from, to, path + "/");
    }
    record(before, after, std::move(path));
    return {};
  }

  void record(const std::optional<TreeEntry>& before, const std::optional<TreeEntry>& after,
              std::string path) {
    TreeChange change;
    change.path = std::move(path);
    if (before) change.old_mode = before->mode;
    if (before) change.old_oid = before->oid;
    if (after) change.new_mode = after->mode;
    if (after) change.new_oid = after->oid;
    if (!before) {
      change.kind = ChangeKind::kAdded;
    } else if (!after) {
      change.kind = ChangeKind::kDeleted;
    } else if (before->mode != after->mode && !(is_file(before->mode) && is_file(after->mode))) {
      change.kind = ChangeKind::kTypeChanged;
    }
    changes_.push_back(std::move(change));
  }

  const GitRepository& repository_;
  const TreeBudget budget_;
  std::uint64_t entries_met_ = 0;
  std::vector<Pair> pairs_;
  std::vector<TreeChange> changes_;
};

}  // namespace

std::string_view change_kind_name(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kAdded:
      return "added";
    case ChangeKind::kDeleted:
      return "deleted";
    case ChangeKind::kModified:
      return "modified";
    case ChangeKind::kTypeChanged:
      return "type-changed";
  }
  STATEHOUSE_ASSERT(false);
  return {};
}

Result<std::vector<TreeChange>> diff_trees(const GitRepository& repository,
                                           const std::optional<Oid>& from, const Oid& to,
                                           const TreeBudget& budget) {
  return TreeDiffer(repository, budget).run(from, to);
}

}  // namespace statehouse
