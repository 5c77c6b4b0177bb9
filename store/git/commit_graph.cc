#include "store/git/commit_graph.h"

#include <algorithm>
#include <mutex>
#include <queue>

#include "crypto/base/limits.h"
#include "store/git/git_repository.h"

namespace statehouse {

namespace {

constexpr std::string_view kTreeLine = "tree ";
constexpr std::string_view kParentLine = "parent ";
constexpr std::size_t kHexBytes = 2 * Oid::kBytes;

/// Takes "`name`<hex>\n" off the front of `bytes`; none when it starts otherwise.
Result<std::optional<Oid>> take_id_line(std::string_view& bytes, std::string_view name) {
  if (!bytes.starts_with(name)) return std::nullopt;
  const std::size_t length = name.size() + kHexBytes + 1;
  if (bytes.size() < length || bytes[length - 1] != '\n') {
    return invalid_argument("reading a commit: a line that is cut off");
  }
  const Oid oid = TRY(Oid::parse(bytes.substr(name.size(), kHexBytes)));
  bytes.remove_prefix(length);
  return oid;
}

/// Reads no more of a commit than history needs: this is the inner loop of every walk.
Result<std::vector<Oid>> read_parents(const GitRepository& repository, const Oid& commit) {
  const GitObject object = TRY(repository.read_object(commit, limits::kCommitBytesMax));
  if (object.type != ObjectType::kCommit) {
    return invalid_argument("reading object " + commit.hex() + ": it is not a commit");
  }
  std::string_view rest = object.bytes;
  const std::optional<Oid> tree = TRY(take_id_line(rest, kTreeLine));
  if (!tree) return invalid_argument("reading commit " + commit.hex() + ": it has no tree");
  std::vector<Oid> parents;
  for (;;) {
    const std::optional<Oid> parent = TRY(take_id_line(rest, kParentLine));
    if (!parent) return parents;
    parents.push_back(*parent);
  }
}

/// One commit on a walk; the largest generation first, so a commit comes after all that descend
/// from it. Ties are broken by id to make every order a function of ids alone.
struct QueuedCommit {
  std::uint64_t generation = 0;
  Oid oid;
  const CommitLinks* links = nullptr;

  bool operator<(const QueuedCommit& other) const {
    return generation != other.generation ? generation < other.generation : oid > other.oid;
  }
};

/// Paints history downwards from several starts at once, with one bit per colour.
class Painter {
 public:
  explicit Painter(const GitRepository& repository) : repository_(repository) {}

  Result<> add(const Oid& oid, unsigned colours) {
    const auto [at, is_new] = colours_.try_emplace(oid, colours);
    if (!is_new) {
      const unsigned before = at->second;
      at->second |= colours;
      if (waiting_.contains(oid)) count(oid, before, at->second);
      return {};
    }
    const CommitLinks* links = TRY(repository_.graph().links(repository_, oid));
    queue_.push({links->generation, oid, links});
    waiting_.emplace(oid, colours);
    ++waiting_with_[colours];
    return {};
  }

  [[nodiscard]] bool empty() const { return queue_.empty(); }
  /// True while a commit that has exactly `colours` waits.
  [[nodiscard]] bool waits_with(unsigned colours) const {
    const auto at = waiting_with_.find(colours);
    return at != waiting_with_.end() && at->second > 0;
  }

  /// The next commit and its colours, which are final: its descendants have all been taken.
  std::pair<QueuedCommit, unsigned> take() {
    const QueuedCommit next = queue_.top();
    queue_.pop();
    const unsigned colours = colours_.at(next.oid);
    --waiting_with_[colours];
    waiting_.erase(next.oid);
    return {next, colours};
  }

  Result<> paint_parents(const QueuedCommit& commit, unsigned colours) {
    for (const Oid& parent : commit.links->parents) TRY(add(parent, colours));
    return {};
  }

 private:
  void count(const Oid& oid, unsigned before, unsigned now) {
    --waiting_with_[before];
    ++waiting_with_[now];
    waiting_[oid] = now;
  }

  const GitRepository& repository_;
  std::priority_queue<QueuedCommit> queue_;
  std::unordered_map<Oid, unsigned> colours_;
  std::unordered_map<Oid, unsigned> waiting_;
  std::unordered_map<unsigned, std::uint64_t> waiting_with_;
};

/// Asks `patience` at every so many steps.
class Steps {
 public:
  explicit Steps(const WalkPatience& patience) : patience_(patience) {}

  Result<> next() {
    constexpr std::uint64_t kAskEvery = 1024;
    if (!patience_ || ++taken_ % kAskEvery != 0) return {};
    return patience_();
  }

 private:
  const WalkPatience& patience_;
  std::uint64_t taken_ = 0;
};

/// The links of `oid`, or null when it is not here, or is no commit with all its history.
Result<const CommitLinks*> links_if_commit(const GitRepository& repository, const Oid& oid) {
  const Result<const CommitLinks*> links = repository.graph().links(repository, oid);
  if (links) return links;
  const ErrorCode code = links.error().code;
  if (code == ErrorCode::kNotFound || code == ErrorCode::kInvalidArgument) return nullptr;
  return links;
}

constexpr unsigned kWanted = 1;
constexpr unsigned kExcluded = 2;

}  // namespace

const CommitLinks* CommitGraph::find(const Oid& commit) const {
  if (base_ != nullptr) {
    if (const CommitLinks* known = base_->find(commit)) return known;
  }
  const std::shared_lock lock(mutex_);
  const auto at = commits_.find(commit);
  return at == commits_.end() ? nullptr : &at->second;
}

Result<const CommitLinks*> CommitGraph::insert(const Oid& commit, const CommitLinks& links) {
  const std::unique_lock lock(mutex_);
  if (commits_.size() >= limits::kCommitsInMemoryMax) {
    return unavailable("walking history: more than " + std::to_string(limits::kCommitsInMemoryMax) +
                       " commits");
  }
  return &commits_.try_emplace(commit, links).first->second;
}

Result<const CommitLinks*> CommitGraph::links(const GitRepository& repository, const Oid& commit) {
  if (const CommitLinks* known = find(commit)) return known;
  // Depth first with an explicit stack: a commit is inserted once all its parents are.
  struct Pending {
    Oid oid;
    CommitLinks links;
    std::size_t next_parent = 0;
  };
  std::vector<Pending> stack;
  std::vector<Oid> parents = TRY(read_parents(repository, commit));
  stack.push_back({commit, {std::move(parents), 1}, 0});
  const CommitLinks* done = nullptr;
  while (!stack.empty()) {
    Pending& top = stack.back();
    if (top.next_parent == top.links.parents.size()) {
      done = TRY(insert(top.oid, top.links));
      stack.pop_back();
      continue;
    }
    const Oid parent = top.links.parents[top.next_parent];
    if (const CommitLinks* known = find(parent)) {
      top.links.generation = std::max(top.links.generation, known->generation + 1);
      ++top.next_parent;
      continue;
    }
    parents = TRY(read_parents(repository, parent));
    stack.push_back({parent, {std::move(parents), 1}, 0});
  }
  return done;
}

Result<std::vector<Oid>> commits_reachable(const GitRepository& repository,
                                           std::span<const Oid> tips, std::span<const Oid> excluded,
                                           std::uint64_t commits_max) {
  Painter painter(repository);
  for (const Oid& tip : excluded) TRY(painter.add(tip, kExcluded));
  for (const Oid& tip : tips) TRY(painter.add(tip, kWanted));
  std::vector<Oid> found;
  while (painter.waits_with(kWanted)) {
    const auto [commit, colours] = painter.take();
    TRY(painter.paint_parents(commit, colours));
    if (colours != kWanted) continue;
    if (found.size() == commits_max) {
      return invalid_argument("walking history: more than " + std::to_string(commits_max) +
                              " new commits");
    }
    found.push_back(commit.oid);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

Result<bool> is_ancestor(const GitRepository& repository, const Oid& ancestor,
                         const Oid& descendant) {
  const CommitLinks* goal = TRY(repository.graph().links(repository, ancestor));
  Painter painter(repository);
  TRY(painter.add(descendant, kWanted));
  while (!painter.empty()) {
    const auto [commit, colours] = painter.take();
    if (commit.oid == ancestor) return true;
    if (commit.generation <= goal->generation) continue;
    TRY(painter.paint_parents(commit, colours));
  }
  return false;
}

Result<std::unordered_set<Oid>> reachable_among(const GitRepository& repository,
                                                std::span<const Oid> tips,
                                                std::span<const Oid> sought,
                                                const WalkPatience& patience) {
  Steps steps(patience);
  std::unordered_set<Oid> open;
  std::uint64_t lowest = UINT64_MAX;
  for (const Oid& oid : sought) {
    TRY(steps.next());
    const CommitLinks* links = TRY(links_if_commit(repository, oid));
    if (links == nullptr) continue;
    open.insert(oid);
    lowest = std::min(lowest, links->generation);
  }
  std::unordered_set<Oid> found;
  Painter painter(repository);
  for (const Oid& tip : tips) {
    if (!open.empty()) TRY(painter.add(tip, kWanted));
  }
  while (!open.empty() && !painter.empty()) {
    TRY(steps.next());
    const auto [commit, colours] = painter.take();
    if (commit.generation < lowest) break;
    if (open.erase(commit.oid) > 0) found.insert(commit.oid);
    if (commit.generation > lowest) TRY(painter.paint_parents(commit, colours));
  }
  return found;
}

Result<std::optional<Oid>> merge_base(const GitRepository& repository, const Oid& one,
                                      const Oid& other) {
  Painter painter(repository);
  TRY(painter.add(one, kWanted));
  TRY(painter.add(other, kExcluded));
  while (!painter.empty()) {
    const auto [commit, colours] = painter.take();
    if (colours == (kWanted | kExcluded)) return commit.oid;
    TRY(painter.paint_parents(commit, colours));
  }
  return std::nullopt;
}

}  // namespace statehouse
