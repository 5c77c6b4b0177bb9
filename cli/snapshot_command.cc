#include <fcntl.h>

#include <memory>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/snapshot_source.h"
#include "crypto/base/encoding.h"
#include "store/git/archive.h"

namespace statehouse {
namespace {

constexpr std::uint64_t kBundleBytesMax = 16U << 20;
constexpr mode_t kFolderMode = 0755;
constexpr std::string_view kBundleName = "bundle.json";
constexpr std::string_view kArchiveName = "archive.tar";

struct SnapshotOptions {
  std::optional<std::string> repository;
  std::string ref;
  std::optional<std::uint64_t> version;
  std::string trust;
  std::string into;
  std::optional<std::string> state;
  std::string file;
  std::optional<std::string> expected_ref;
  std::optional<std::string> at;
};

std::string snapshot_name(const Json& document) { return shown(document, "version"); }

Result<> require_absent_or_empty(const Path& path) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return {};
  if (status.type() == std::filesystem::file_type::directory) {
    const auto names = TRY(list_directory(path));
    if (names.empty()) return {};
  }
  return conflict(escape_for_message(path.string()) + " exists and is not an empty folder",
                  "give --into a new folder");
}

/// Renames `from` to `to` (absent or an empty folder), where others can read it as what is in it,
/// and makes that durable.
Result<> move_into_place(const Path& from, const Path& to) {
  std::error_code error;
  std::filesystem::permissions(from, static_cast<std::filesystem::perms>(kFolderMode), error);
  if (error) return std::unexpected(errno_error("opening up " + to.string(), error.value()));
  TRY(sync_directory(from));
  std::filesystem::rename(from, to, error);
  if (error) return std::unexpected(errno_error("creating " + to.string(), error.value()));
  return sync_directory(to.parent_path());
}

Result<LastSeen> load_state(const Session& session, const std::optional<std::string>& state) {
  if (!state) return LastSeen();
  return LastSeen::load(session.path(*state));
}

Result<> get_snapshot(Session& session, const SnapshotOptions& options) {
  const TrustDocument trust = TRY(load_trust(session, options.trust));
  const LastSeen last = TRY(load_state(session, options.state));
  SnapshotQuestion question;
  question.repository = TRY(session.repository(options.repository));
  question.ref = TRY_WITH("reading --ref", expand_ref(options.ref));
  question.version = options.version;
  question.now = session.environment().clock.now();
  Path into = session.path(options.into).lexically_normal();
  if (!into.has_filename()) into = into.parent_path();
  const Path proof = Path(into.string() + ".statehouse");
  TRY(require_absent_or_empty(into));
  TRY(require_absent_or_empty(proof));

  ApiClient client = TRY(session.connect());
  const FetchedSnapshot fetched = TRY(fetch_snapshot(client, trust, question, last));
  TRY(make_directories(into.parent_path()));
  // Everything is made beside its place and appears at once, whole.
  const TemporaryDirectory scratch =
      TRY(TemporaryDirectory::create(into.parent_path(), ".statehouse-"));
  const Path new_tree = scratch.path() / "tree";
  const Path new_proof = scratch.path() / "proof";
  TRY(make_directories(new_tree));
  TRY(make_directories(new_proof));
  TRY(download_archive(client, fetched.verified, new_proof / kArchiveName,
                       session.environment().is_stopping));
  TRY(sync_file(new_proof / kArchiveName));
  constexpr mode_t kMode = 0644;
  TRY(write_file_durably(new_proof / kBundleName, fetched.document, kMode,
                         session.environment().steps, "snapshot.bundle"));
  TRY(unpack_archive(fetched.verified, new_proof / kArchiveName, new_tree));
  if (options.state) {
    TRY(fetched.verified.seen().save(session.path(*options.state), session.environment().steps));
  }
  TRY(move_into_place(new_proof, proof));
  TRY(move_into_place(new_tree, into));
  Json document = snapshot_document(fetched.verified);
  document["path"] = into.string();
  document["bundle"] = (proof / kBundleName).string();
  session.print(document, describe_snapshot, snapshot_name);
  return {};
}

/// What to do about a saved snapshot that is not all there or proves nothing.
Error with_snapshot_fix(Error error) {
  if (!error.fix.empty()) return error;
  const bool is_unproven = error.code == ErrorCode::kUnverified;
  error.fix = is_unproven ? "do not use it; was this asked for? else get it anew: statehouse "
                            "snapshot get"
                          : "name the folder DIR.statehouse that `snapshot get` left, or the "
                            "bundle.json in it, with archive.tar beside it";
  return error;
}

Result<VerifiedSnapshot> check_snapshot_file(const Session& session, const SnapshotOptions& options,
                                             const TrustDocument& trust) {
  const LastSeen last = TRY(load_state(session, options.state));
  Path file = session.path(options.file);
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) file /= kBundleName;
  const std::string doing = "reading " + escape_for_message(file.string());
  const std::string bytes = TRY_WITH(doing, read_file(file, kBundleBytesMax));
  const Json parsed = TRY_WITH(doing, parse_json(bytes, kBundleBytesMax));
  const SnapshotOffer bundle = TRY_WITH(doing, SnapshotOffer::parse(parsed));

  SnapshotQuestion question;
  question.now = session.environment().clock.now();
  if (options.at) {
    question.now = TRY_WITH("reading --at", parse_time_argument(*options.at, question.now));
  }
  // Only what was given is compared: a saved snapshot has nothing to do with the clone we are in.
  if (options.repository) {
    question.repository =
        TRY_WITH("reading --repository", RepositoryName::parse(*options.repository));
  }
  if (options.expected_ref) {
    question.ref = TRY_WITH("reading --ref", expand_ref(*options.expected_ref));
  }
  question.version = options.version;
  if (!bundle.head && !question.version) {
    const auto statement = open_version_statement(bundle.statement, trust);
    if (statement) question.version = statement->version;  // saved with --version: historic
  }
  VerifiedSnapshot verified = TRY(verify_snapshot(trust, bundle, question, last));
  const Path archive = file.parent_path() / kArchiveName;
  const FileDescriptor tar = TRY_WITH("reading the archive", open_file(archive, O_RDONLY));
  const ArchiveDigest digest = TRY_WITH("checking the archive", check_archive(tar.get()));
  TRY(verified.require_archive(digest.sha256, digest.size));
  return verified;
}

Result<> verify_snapshot_file(Session& session, const SnapshotOptions& options) {
  const TrustDocument trust = TRY(load_trust(session, options.trust));
  const auto verified = check_snapshot_file(session, options, trust);
  if (!verified) return std::unexpected(with_snapshot_fix(verified.error()));
  session.print(snapshot_document(*verified), describe_snapshot, snapshot_name);
  return {};
}

}  // namespace

void add_snapshot_command(CommandSet& commands) {
  auto options = std::make_shared<SnapshotOptions>();
  const Command snapshot = commands.add("snapshot", "Signed, verifiable snapshots of a ref");

  snapshot.add("get", "Download, verify and unpack a snapshot")
      .option("-R,--repository", options->repository, "The repository (else the clone's)")
      .option("--ref", options->ref, "The ref, in full or short", Presence::kRequired)
      .option("--version", options->version,
              "This version, reported as `historic`; without it the newest, with a fresh head")
      .option("--trust", options->trust, "The pinned trust document", Presence::kRequired)
      .option("--into", options->into, "A new folder for the tree", Presence::kRequired)
      .option("--state", options->state, "File that remembers what was seen, against going back")
      .notes(
          "The tree goes to DIR. What proves it goes beside it, to DIR.statehouse/bundle.json "
          "and DIR.statehouse/archive.tar, for `snapshot verify`.")
      .action("getting a snapshot",
              [options](Session& session) { return get_snapshot(session, *options); });

  snapshot.add("verify", "Verify a saved snapshot without a server")
      .argument("FILE", options->file, "A bundle.json with archive.tar beside it, or their folder")
      .option("--trust", options->trust, "The pinned trust document", Presence::kRequired)
      .option("-R,--repository", options->repository, "It must be of this repository")
      .option("--ref", options->expected_ref, "It must be of this ref")
      .option("--version", options->version, "It must be this version; its head is not judged")
      .option("--state", options->state, "File with what was seen; it is not changed")
      .option("--at", options->at, "Judge the head's expiry as of this time instead of now")
      .action("verifying a snapshot",
              [options](Session& session) { return verify_snapshot_file(session, *options); });
}

}  // namespace statehouse
