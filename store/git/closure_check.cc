#include "store/git/closure_check.h"

#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace statehouse {

namespace {

constexpr std::uint64_t kProgressEvery = 1000;

struct Expected {
  Oid oid;
  std::optional<ObjectType> type;  ///< what the object that names it says; none for a tip
};

/// The objects that one object names. Errors: kInvalidArgument when it does not parse.
Result<std::vector<Expected>> references_of(const GitObject& object) {
  std::vector<Expected> references;
  switch (object.type) {
    case ObjectType::kBlob:
      break;
    case ObjectType::kTree: {
      const std::vector<TreeEntry> entries = TRY(parse_tree(object.bytes));
      for (const TreeEntry& entry : entries) {
        if (entry.mode == FileMode::kGitlink) continue;
        references.push_back({entry.oid, entry.is_tree() ? ObjectType::kTree : ObjectType::kBlob});
      }
      break;
    }
    case ObjectType::kCommit: {
      const CommitObject commit = TRY(parse_commit(object.bytes));
      const Oid tree = TRY(Oid::parse(commit.tree));
      references.push_back({tree, ObjectType::kTree});
      for (const std::string& text : commit.parents) {
        const Oid parent = TRY(Oid::parse(text));
        references.push_back({parent, ObjectType::kCommit});
      }
      break;
    }
    case ObjectType::kTag: {
      const TagObject tag = TRY(parse_tag(object.bytes));
      const Oid target = TRY(Oid::parse(tag.object));
      references.push_back({target, std::nullopt});
      break;
    }
  }
  return references;
}

/// Walks everything reachable from some tips, each object once.
class Closure {
 public:
  Closure(const GitRepository& repository,
          const std::function<Result<>(std::uint64_t)>& on_progress, ClosureReport& report)
      : repository_(repository), on_progress_(on_progress), report_(report) {}

  Result<> walk(std::span<const Oid> tips) {
    for (const Oid& tip : tips) push({tip, std::nullopt});
    while (!waiting_.empty()) {
      const Expected next = waiting_.back();
      waiting_.pop_back();
      const Result<> visited = visit(next);
      if (visited) continue;
      const ErrorCode code = visited.error().code;
      if (code == ErrorCode::kUnavailable || stopped_) return visited;
      problems_.try_emplace(next.oid, visited.error());
    }
    return {};
  }

  [[nodiscard]] const std::unordered_map<Oid, Error>& problems() const { return problems_; }

 private:
  void push(const Expected& expected) {
    if (seen_.insert(expected.oid).second) waiting_.push_back(expected);
  }

  Result<> visit(const Expected& expected) {
    if (++report_.objects % kProgressEvery == 0 && on_progress_) {
      const Result<> go_on = on_progress_(report_.objects);
      stopped_ = !go_on;
      TRY(go_on);
    }
    const GitObject object = TRY(repository_.read_object(expected.oid));
    report_.bytes += object.bytes.size();
    if (expected.type && *expected.type != object.type) {
      return corrupt("reading object " + expected.oid.hex() + ": it is a " +
                     std::string(object_type_name(object.type)) + " where another type is named");
    }
    const std::vector<Expected> references = TRY(references_of(object));
    for (const Expected& reference : references) push(reference);
    return {};
  }

  const GitRepository& repository_;
  const std::function<Result<>(std::uint64_t)>& on_progress_;
  ClosureReport& report_;
  std::unordered_set<Oid> seen_;
  std::vector<Expected> waiting_;
  std::unordered_map<Oid, Error> problems_;
  bool stopped_ = false;  ///< by on_progress
};

}  // namespace

Result<ClosureReport> check_closure(const GitRepository& repository, std::span<const Oid> tips,
                                    const std::function<Result<>(std::uint64_t)>& on_progress) {
  ClosureReport report;
  Closure all(repository, on_progress, report);
  TRY(all.walk(tips));
  if (all.problems().empty()) return report;
  // Something is damaged: only now is it worth walking once more per tip to see whom it hits.
  std::unordered_map<Oid, std::vector<Oid>> tips_of;
  for (const Oid& tip : tips) {
    ClosureReport ignored;
    Closure one(repository, on_progress, ignored);
    TRY(one.walk(std::span(&tip, 1)));
    for (const auto& [oid, error] : one.problems()) tips_of[oid].push_back(tip);
  }
  for (const auto& [oid, error] : all.problems()) {
    const ErrorCode code =
        error.code == ErrorCode::kNotFound ? ErrorCode::kNotFound : ErrorCode::kCorrupt;
    report.problems.push_back({oid, code, error.message, tips_of[oid]});
  }
  return report;
}

}  // namespace statehouse
