#include "cli/promotion_review.h"

#include <algorithm>
#include <set>

#include "cli/promotion_text.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/dsse.h"
#include "store/git/commit_graph.h"
#include "store/git/git_client.h"
#include "store/git/git_library.h"
#include "store/git/git_repository.h"
#include "store/git/tree_digest.h"

namespace statehouse {
namespace {

constexpr std::string_view kScratchName = "review.git";
/// A longer patch would push what is asked off the screen.
constexpr std::ptrdiff_t kPatchLinesMax = 200;

Result<std::uint64_t> read_count(const Json& object, std::string_view name) {
  const std::int64_t value = TRY(json_integer(object, name));
  if (value < 0) return invalid_argument("`" + std::string(name) + "` is negative");
  return static_cast<std::uint64_t>(value);
}

Result<std::string> read_oid(const Json& object, std::string_view name) {
  std::string text = TRY(json_string(object, name));
  TRY_WITH("`" + std::string(name) + "`", Oid::parse(text));
  return text;
}

/// Digests appear as 64 hexadecimal digits, with or without "sha256:" in front.
Result<std::string> read_digest(const Json& object, std::string_view name) {
  constexpr std::string_view kPrefix = "sha256:";
  std::string text = TRY(json_string(object, name));
  return text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : text;
}

/// The objects of a promotion, fetched for this review alone.
struct ReviewObjects {
  TemporaryDirectory directory;
  std::unique_ptr<GitRepository> repository;
};

Result<ReviewObjects> fetch_for_review(Session& session, const ApprovalStatement& claimed) {
  const Session::Remote remote = TRY(session.remote());
  TemporaryDirectory directory =
      TRY(TemporaryDirectory::create(std::filesystem::temp_directory_path(), "statehouse-review-"));
  const Path bare = directory.path() / kScratchName;
  TRY(create_scratch_repository(bare));
  GitRemote source{
      remote.url + "/git/" + claimed.source_repository + ".git", remote.token, remote.ca_file, {}};
  std::vector<std::string> wants{claimed.source_commit};
  const bool same_repository = claimed.source_repository == claimed.target_repository;
  if (same_repository && claimed.target_base) wants.push_back(*claimed.target_base);
  TRY(fetch_objects(bare, source, wants));
  if (!same_repository && claimed.target_base) {
    GitRemote target = source;
    target.url = remote.url + "/git/" + claimed.target_repository + ".git";
    TRY(fetch_objects(bare, target, {*claimed.target_base}));
  }
  auto repository = TRY(GitRepository::open(bare / "objects", {}, std::make_shared<CommitGraph>()));
  return ReviewObjects{std::move(directory), std::move(repository)};
}

/// `claimed` with everything that objects can tell replaced by what they tell.
Result<ApprovalStatement> recompute(const GitRepository& repository, ApprovalStatement claimed) {
  const Oid source = TRY(Oid::parse(claimed.source_commit));
  const GitCommit commit = TRY(repository.read_commit(source));
  TreeDigests digests;
  const std::string tree_sha256 = TRY(digests.tree_sha256(repository, commit.tree));
  claimed.source_commit_sha256 = hex_encode(object_sha256(ObjectType::kCommit, commit.raw));
  claimed.tree = commit.tree.hex();
  claimed.tree_sha256 = hex_encode(tree_sha256);
  return claimed;
}

Result<> compare(const ApprovalStatement& own, const ApprovalStatement& theirs,
                 std::string_view where) {
  const auto difference = first_difference(own, theirs);
  if (!difference) return {};
  return unverified("checking the promotion: `" + *difference + "` in " + std::string(where) +
                        " is not what the objects say",
                    "do not approve; tell the administrators");
}

Result<> count_commits(const GitRepository& repository, const Json& promotion,
                       PromotionReview& review) {
  const Oid source = TRY(Oid::parse(review.statement.source_commit));
  std::vector<Oid> excluded;
  if (review.statement.target_base) {
    const Oid base = TRY(Oid::parse(*review.statement.target_base));
    excluded.push_back(base);
  }
  const auto all = TRY(
      commits_reachable(repository, std::span(&source, 1), excluded, limits::kCommitsPerPushMax));
  std::set<std::string> listed;
  const auto list = json_member(promotion, "commits");
  const bool is_list = list && (*list)->is_array();
  for (const Json& commit : is_list ? **list : Json::array()) {
    listed.insert(shown(commit, "commit"));
    const auto is_baseline = json_boolean(commit, "baseline");
    if (!is_baseline || !*is_baseline) continue;
    const Oid baseline = TRY(Oid::parse(shown(commit, "commit")));
    if (!repository.has_object(baseline)) continue;
    const GitCommit object = TRY(repository.read_commit(baseline));
    excluded.insert(excluded.end(), object.parents.begin(), object.parents.end());
  }
  const auto commits = TRY(
      commits_reachable(repository, std::span(&source, 1), excluded, limits::kCommitsPerPushMax));
  review.commits = all.size();
  review.below_baseline = all.size() - commits.size();
  review.unlisted = static_cast<std::size_t>(std::count_if(
      commits.begin(), commits.end(), [&](const Oid& oid) { return !listed.contains(oid.hex()); }));
  return {};
}

std::string show_lines(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    shown += show_line(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return shown;
}

std::string changed_files(const PromotionReview& review) {
  std::string text =
      "changed files: " + std::to_string(review.changes.size()) + " (computed here)\n";
  for (const TreeChange& change : review.changes) {
    text += "  " + std::string(change_kind_name(change.kind)) + " " +
            escape_for_message(change.path, limits::kTreePathBytesMax) + "\n";
  }
  return text;
}

std::string deployed_tree(const ApprovalStatement& statement) {
  return "  deploys tree   " + statement.tree + "\n          sha256 " + statement.tree_sha256 +
         "\n";
}

/// What is signed about the target's own changes, and where others signed something else.
std::string given_up_versions(const ApprovalStatement& statement, const Json& promotion) {
  std::string text;
  for (const std::uint64_t version : statement.drops) {
    text += "  gives up the target's own changes of version " + std::to_string(version) + "\n";
  }
  std::vector<std::uint64_t> kept = version_list(promotion, "targetOwnChanges");
  const std::vector<std::uint64_t> dropped = version_list(promotion, "drops");
  kept.insert(kept.end(), dropped.begin(), dropped.end());
  for (const std::uint64_t version : std::set<std::uint64_t>(kept.begin(), kept.end())) {
    if (std::ranges::find(statement.drops, version) != statement.drops.end()) continue;
    const std::string number = std::to_string(version);
    text += "  does not give up the target's own changes of version " + number;
    if (std::ranges::find(dropped, version) != dropped.end()) {
      text += ", which others did, says the server";
    }
    text += " (to give them up: --drop " + number + ")\n";
  }
  return text;
}

std::string replaced_commit(const ApprovalStatement& statement) {
  return "  in place of    " +
         (statement.target_base ? "commit " + *statement.target_base : "nothing: a new ref") + "\n";
}

}  // namespace

std::vector<std::uint64_t> version_list(const Json& promotion, std::string_view name) {
  std::vector<std::uint64_t> versions;
  const auto list = json_member(promotion, name);
  if (!list || !(*list)->is_array()) return versions;
  for (const Json& version : **list) {
    if (version.is_number_unsigned()) versions.push_back(version.get<std::uint64_t>());
  }
  return versions;
}

Result<ApprovalStatement> claimed_statement(const Json& server, const Json& promotion,
                                            ApprovalVerdict verdict) {
  ApprovalStatement statement;
  statement.origin = TRY(json_string(server, "origin"));
  statement.epoch = TRY(read_count(server, "epoch"));
  statement.promotion = TRY(read_count(promotion, "number"));
  statement.verdict = verdict;
  const Json* source = TRY(json_member(promotion, "source"));
  statement.source_repository = TRY(json_string(*source, "repository"));
  statement.source_ref = TRY(json_string(*source, "ref"));
  statement.source_commit = TRY(read_oid(*source, "commit"));
  statement.source_commit_sha256 = TRY(read_digest(*source, "commitSha256"));
  const Json* target = TRY(json_member(promotion, "target"));
  statement.target_repository = TRY(json_string(*target, "repository"));
  statement.target_ref = TRY(json_string(*target, "ref"));
  TRY(RepositoryName::parse(statement.source_repository));
  TRY(RepositoryName::parse(statement.target_repository));
  const Json* base = TRY(json_member(*target, "base"));
  if (!base->is_null()) statement.target_base = TRY(read_oid(*target, "base"));
  const Json* tree = TRY(json_member(promotion, "tree"));
  statement.tree = TRY(read_oid(*tree, "sha1"));
  statement.tree_sha256 = TRY(read_digest(*tree, "sha256"));
  statement.flow = TRY(json_string(promotion, "flow"));
  statement.policy_digest = TRY(json_string(promotion, "policyDigest"));
  return statement;
}

std::optional<std::string> first_difference(const ApprovalStatement& one,
                                            const ApprovalStatement& other) {
  if (one.is_about_same_as(other) && one.verdict == other.verdict) return std::nullopt;
  if (one.origin != other.origin) return "origin";
  if (one.epoch != other.epoch) return "epoch";
  if (one.promotion != other.promotion) return "promotion";
  if (one.verdict != other.verdict) return "verdict";
  if (one.source_repository != other.source_repository) return "source.repository";
  if (one.source_ref != other.source_ref) return "source.ref";
  if (one.source_commit != other.source_commit) return "source.commit";
  if (one.source_commit_sha256 != other.source_commit_sha256) return "source.sha256";
  if (one.target_repository != other.target_repository) return "target.repository";
  if (one.target_ref != other.target_ref) return "target.ref";
  if (one.target_base != other.target_base) return "target.base";
  if (one.tree != other.tree) return "tree.sha1";
  if (one.tree_sha256 != other.tree_sha256) return "tree.sha256";
  if (one.flow != other.flow) return "flow";
  if (one.policy_digest != other.policy_digest) return "policyDigest";
  return "drops";
}

Result<> compare_with_server(ApiClient& client, const ApprovalStatement& own) {
  const std::string verdict = own.verdict == ApprovalVerdict::kApprove ? "approve" : "reject";
  const Json answer = TRY(client.get(
      "/v1/promotions/" + std::to_string(own.promotion) + "/statement", {{"verdict", verdict}}));
  const std::string encoded = TRY(json_string(answer, "payload"));
  const std::string payload = TRY(base64_decode(encoded));
  const ApprovalStatement theirs =
      TRY_WITH("reading the server's statement", ApprovalStatement::parse(payload));
  TRY(compare(own, theirs, "the server's statement"));
  ApprovalStatement same = own;
  same.issued = theirs.issued;  // the time is the signer's to state
  if (payload == same.payload()) return {};
  return unverified("checking the promotion: the server's statement is written differently",
                    "this program and the server may be of different versions");
}

Result<PromotionReview> review_promotion(Session& session, ApiClient& client, const Json& promotion,
                                         ApprovalVerdict verdict) {
  const Json server = TRY(client.get("/v1/server"));
  const ApprovalStatement claimed =
      TRY_WITH("reading the promotion", claimed_statement(server, promotion, verdict));
  const GitLibrary library;
  TRY(GitLibrary::check());
  session.progress("fetching the objects to review");
  const ReviewObjects objects = TRY(fetch_for_review(session, claimed));
  const GitRepository& repository = *objects.repository;

  PromotionReview review;
  review.statement = TRY(recompute(repository, claimed));
  TRY(compare(review.statement, claimed, "the promotion"));
  std::optional<Oid> from;
  if (claimed.target_base) {
    const Oid base = TRY(Oid::parse(*claimed.target_base));
    const GitCommit base_commit = TRY(repository.read_commit(base));
    from = base_commit.tree;
  }
  const Oid tree = TRY(Oid::parse(review.statement.tree));
  review.changes = TRY(diff_trees(repository, from, tree));
  const std::string patch = TRY(tree_patch(objects.directory.path() / kScratchName, from, tree));
  review.patch = show_lines(patch);
  TRY(count_commits(repository, promotion, review));
  return review;
}

std::string describe_review(const PromotionReview& review, const Json& promotion) {
  const ApprovalStatement& statement = review.statement;
  std::string text = "promotion " + std::to_string(statement.promotion) + " through flow " +
                     escape_for_message(statement.flow) + "\n";
  text += "  store   " + escape_for_message(statement.origin) + ", epoch " +
          std::to_string(statement.epoch) + "\n";
  text += "  route   " + describe_route(promotion) + "\n";
  text += "  source  commit " + statement.source_commit + "\n";
  text += "          sha256 " + statement.source_commit_sha256 + "\n";
  text += deployed_tree(statement) + replaced_commit(statement);
  text += "  policies       " + statement.policy_digest + "\n";
  if (statement.expires) text += "  good until     " + statement.expires->rfc3339() + "\n";
  text += given_up_versions(statement, promotion);
  text += "commits new to the target: " + std::to_string(review.commits) +
          " (signers as the store judged them)\n" + commits_table(promotion);
  if (review.below_baseline > 0) {
    text += "  and " + std::to_string(review.below_baseline) +
            " below what the server says is a declared baseline\n";
  }
  if (review.unlisted > 0) {
    text += "  and " + std::to_string(review.unlisted) + " that the server does not list\n";
  }
  text += changed_files(review);
  const auto lines = std::count(review.patch.begin(), review.patch.end(), '\n');
  if (lines <= kPatchLinesMax) return text + review.patch;
  return text + "their content has " + std::to_string(lines) +
         " lines: statehouse promotion diff " + std::to_string(statement.promotion) + "\n";
}

std::string describe_changes(const PromotionReview& review) {
  const ApprovalStatement& statement = review.statement;
  const std::string number = std::to_string(statement.promotion);
  return "promotion " + number + "\n" + deployed_tree(statement) + replaced_commit(statement) +
         changed_files(review) + review.patch +
         "to approve exactly this: statehouse promotion approve " + number + " --expect-tree " +
         statement.tree + "\n";
}

}  // namespace statehouse
