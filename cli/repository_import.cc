#include "cli/repository_import.h"

#include "cli/baseline_edit.h"
#include "cli/clone.h"
#include "cli/local_configuration.h"
#include "cli/user_signer.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/base/url.h"
#include "crypto/git_object.h"
#include "crypto/sha256.h"
#include "crypto/sshsig.h"
#include "store/git/git_client.h"
#include "store/git/git_library.h"
#include "store/git/git_repository.h"
#include "store/git/object_writer.h"
#include "store/git/tree_digest.h"

namespace statehouse {
namespace {

constexpr std::string_view kAuditRef = "refs/heads/audit";

/// A bare repository of this run alone, with a reader on it.
struct Scratch {
  TemporaryDirectory directory;
  Path bare;
  std::unique_ptr<GitRepository> repository;
};

Result<Scratch> create_scratch() {
  TemporaryDirectory directory =
      TRY(TemporaryDirectory::create(std::filesystem::temp_directory_path(), "statehouse-import-"));
  const Path bare = directory.path() / "scratch.git";
  TRY(create_scratch_repository(bare));
  auto repository = TRY(GitRepository::open(bare / "objects", {}, std::make_shared<CommitGraph>()));
  return Scratch{std::move(directory), bare, std::move(repository)};
}

/// A path to a bundle or repository becomes absolute, since git runs elsewhere; URLs stay.
std::string source_url(const Session& session, const std::string& from) {
  const Path path = session.path(from);
  std::error_code error;
  return std::filesystem::exists(path, error) ? path.string() : from;
}

Result<Baseline> compute_baseline(Session& session, const Scratch& scratch,
                                  const ImportOptions& options) {
  const RefName ref = TRY_WITH("reading --ref", expand_ref(options.ref));
  RefName to = TRY_WITH("reading --to", expand_ref(options.to));
  const GitRemote remote{
      source_url(session, options.from), "", {}, user_environment(session.environment())};
  session.progress("fetching " + escape_for_message(without_userinfo(options.from)));
  const std::vector<Oid> tips = TRY(fetch_objects(scratch.bare, remote, {ref.str()}));
  const PeeledTip tip = TRY(scratch.repository->peel(tips.front()));
  const GitCommit commit = TRY(scratch.repository->read_commit(tip.commit));
  TreeDigests digests;
  const std::string tree_sha256 = TRY(digests.tree_sha256(*scratch.repository, commit.tree));
  return Baseline{std::move(to), commit.oid, commit.tree,
                  digest_text(object_sha256(ObjectType::kCommit, commit.raw)),
                  digest_text(tree_sha256)};
}

Result<GitPerson> user_person(const Environment& environment) {
  GitPerson person;
  const auto name = TRY(git_setting(environment, "user.name"));
  const auto email = TRY(git_setting(environment, "user.email"));
  if (!name || !email) {
    return invalid_argument("signing the change: git does not know who you are",
                            "git config --global user.name NAME; "
                            "git config --global user.email ADDRESS");
  }
  person.name = *name;
  person.email = *email;
  person.unix_seconds = environment.clock.now().unix_seconds();
  return person;
}

/// A signed commit of `files` on top of `parent`, written into the scratch repository.
Result<Oid> commit_files(Session& session, const Scratch& scratch,
                         const std::vector<TreeFile>& files, const Oid& parent, const UserKey& key,
                         const std::string& message) {
  const BuiltTree tree = TRY(build_tree(files));
  CommitParts parts;
  parts.tree = tree.root.hex();
  parts.parents = {parent.hex()};
  parts.author = TRY(user_person(session.environment()));
  parts.committer = parts.author;
  parts.message = message + "\n";
  const std::string payload = TRY(build_commit_payload(parts));
  const UserSignature signature = TRY(key.sign(session.environment(), payload, kSshNamespaceGit));
  std::string raw = TRY(attach_signature(payload, signature.armored));
  std::vector<GitObject> objects = tree.objects;
  objects.push_back({ObjectType::kCommit, std::move(raw)});
  const std::vector<Oid> ids =
      TRY(write_objects_durably(scratch.bare, objects, session.environment().steps));
  return ids.back();
}

/// The new configuration must be valid; that nobody could push the history yet is worth a word.
Result<> require_valid(Session& session, const std::vector<TreeFile>& files, const RefKey& key) {
  std::vector<ConfigurationFile> candidate;
  for (const TreeFile& file : files) candidate.push_back({file.path, file.bytes});
  const CheckedConfiguration configuration = TRY(check_configuration(session, candidate));
  if (!configuration) return std::unexpected(not_valid(configuration.error()));
  if (!configuration->is_governed(key)) {
    session.note("note: no policy governs " + key.str() +
                 " yet: until one in system does, a push there is refused");
  }
  return {};
}

Json baseline_json(const Baseline& baseline) {
  return {{"ref", baseline.ref.str()},
          {"commit", baseline.commit.hex()},
          {"tree", baseline.tree.hex()},
          {"commitSha256", baseline.commit_sha256},
          {"treeSha256", baseline.tree_sha256}};
}

std::string describe_import(const Json& document) {
  const Json& baseline = document["baseline"];
  std::string text = "baseline of " + shown(document, "repository") + " " + shown(baseline, "ref") +
                     "\n  commit  " + shown(baseline, "commit") + "\n          " +
                     shown(baseline, "commitSha256") + "\n  tree    " + shown(baseline, "tree") +
                     "\n          " + shown(baseline, "treeSha256") + "\n";
  text += document["systemCommit"].is_null() ? "it is declared in system already\n"
                                             : "declared in system refs/heads/audit, commit " +
                                                   shown(document, "systemCommit") + "\n";
  text += "next:\n";
  for (const Json& step : document["next"]) text += "  " + shown(step) + "\n";
  return text;
}

Json next_steps(const Session::Remote& remote, const ImportOptions& options,
                const RepositoryName& name, const Baseline& baseline) {
  return Json::array(
      {"statehouse promotion create -R system --flow system --title \"Import " + name.str() + "\"",
       "statehouse promotion approve NUMBER      (another administrator, where one is required)",
       "statehouse promotion merge NUMBER        (unless the flow merges by itself)",
       "git push " + without_userinfo(remote.url) + "/git/" + name.str() + ".git " +
           baseline.commit.hex() + ":" + baseline.ref.str() + "      (in a clone of " +
           without_userinfo(options.from) + ")"});
}

}  // namespace

Result<> prepare_import(Session& session, const ImportOptions& options) {
  const RepositoryName name = TRY(RepositoryName::parse(options.name));
  const UserKey key = TRY(UserKey::choose(session.environment(), options.key));
  const Session::Remote server = TRY(session.remote());
  const RefName audit = TRY(RefName::parse(kAuditRef));
  const GitLibrary library;
  TRY(GitLibrary::check());
  const Scratch scratch = TRY(create_scratch());
  const Baseline baseline = TRY(compute_baseline(session, scratch, options));

  const GitRemote system{server.url + "/git/system.git", server.token, server.ca_file, {}};
  const std::vector<Oid> tips =
      TRY_WITH("fetching system", fetch_objects(scratch.bare, system, {audit.str()}));
  const GitCommit tip = TRY(scratch.repository->read_commit(tips.front()));
  std::vector<TreeFile> files = TRY(read_tree_files(
      *scratch.repository, tip.tree, limits::kConfigurationFilesMax, limits::kYamlFileBytesMax));
  const BaselineEdit edit = TRY(add_baseline(files, name, baseline));

  Json document{{"repository", name.str()},
                {"baseline", baseline_json(baseline)},
                {"systemCommit", nullptr},
                {"next", next_steps(server, options, name, baseline)}};
  if (edit == BaselineEdit::kAdded) {
    TRY(require_valid(session, files, RefKey{name, baseline.ref}));
    const std::string message = options.message.empty() ? "Import " + name.str() + " at " +
                                                              baseline.commit.hex().substr(0, 12)
                                                        : options.message;
    const Oid commit = TRY(commit_files(session, scratch, files, tip.oid, key, message));
    const PushAnswer pushed = TRY(push_commit(scratch.bare, system, commit, audit));
    if (!pushed.accepted) {
      return denied("pushing to system: " + (pushed.remote_lines.empty()
                                                 ? std::string("the server refused")
                                                 : pushed.remote_lines));
    }
    document["systemCommit"] = commit.hex();
  }
  session.print(document, describe_import,
                [](const Json& result) { return shown(result["baseline"], "commit"); });
  return {};
}

}  // namespace statehouse
