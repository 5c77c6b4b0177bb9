#include "cli/snapshot_source.h"

#include <fcntl.h>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"
#include "store/git/archive.h"

namespace statehouse {
namespace {

constexpr std::uint64_t kTrustBytesMax = 4U << 20;
constexpr std::uint64_t kBundleBytesMax = 16U << 20;
constexpr mode_t kArchiveMode = 0644;

}  // namespace

Result<TrustDocument> load_trust(const Session& session, std::string_view file) {
  const std::string doing = "reading the trust document " + escape_for_message(file);
  // Mounted secrets and configuration maps are links.
  const std::string bytes =
      TRY_WITH("reading the trust document",
               session.read_given_file(file, kTrustBytesMax,
                                       "name the document that you pinned: --trust FILE; it is "
                                       "trust.json in the store's data directory"));
  return TRY_WITH(doing, TrustDocument::pin(bytes));
}

Result<FetchedSnapshot> fetch_snapshot(ApiClient& client, const TrustDocument& trust,
                                       const SnapshotQuestion& question, const LastSeen& last) {
  STATEHOUSE_ASSERT(question.repository && question.ref);
  std::optional<std::string> version;
  if (question.version) version = std::to_string(*question.version);
  std::optional<std::string> since;
  if (last.checkpoint_size > 0 && last.epoch == trust.epoch()) {
    since = std::to_string(last.checkpoint_size);
  }
  auto answer =
      client.get_bytes(with_query("/v1/snapshot", {{"repository", question.repository->str()},
                                                   {"ref", question.ref->str()},
                                                   {"version", version},
                                                   {"since", since}}),
                       kBundleBytesMax);
  if (!answer && since && answer.error().code == ErrorCode::kConflict) {
    // Its log is shorter than the one we saw: no moved ref that reading again would mend.
    Error error = std::move(answer).error().with_context("inconsistent checkpoint");
    error.code = ErrorCode::kUnverified;
    return std::unexpected(std::move(error));
  }
  std::string document = TRY(std::move(answer));
  const Json parsed = TRY_WITH("reading the snapshot", parse_json(document, kBundleBytesMax));
  const SnapshotOffer bundle = TRY_WITH("reading the snapshot", SnapshotOffer::parse(parsed));
  VerifiedSnapshot verified = TRY(verify_snapshot(trust, bundle, question, last));
  return FetchedSnapshot{std::move(verified), std::move(document)};
}

Result<> download_archive(ApiClient& client, const VerifiedSnapshot& snapshot, const Path& path,
                          const std::function<bool()>& is_stopping) {
  const VersionStatement& statement = snapshot.statement();
  if (statement.archive_size > limits::kArchiveBytesMax) {
    return invalid_argument("downloading the archive: it has " +
                            std::to_string(statement.archive_size) + " bytes, more than allowed");
  }
  const FileDescriptor file = TRY(open_file(path, O_CREAT | O_EXCL | O_WRONLY, kArchiveMode));
  Sha256 digest;
  std::uint64_t size = 0;
  const BodySink sink = [&](std::string_view bytes) -> Result<> {
    if (is_stopping()) return unavailable("it was stopped");
    size += bytes.size();
    if (size > statement.archive_size) {
      return unverified("wrong size: the archive is longer than the statement says");
    }
    digest.update(bytes);
    return write_all(file.get(), bytes);
  };
  // The address is made here, not taken from the answer: it is asked of the same server.
  const std::string target =
      with_query("/v1/archive", {{"repository", statement.repository},
                                 {"ref", statement.ref},
                                 {"version", std::to_string(statement.version)}});
  TRY_WITH("downloading the archive", client.download(target, limits::kArchiveBytesMax, sink));
  return snapshot.require_archive(digest.finish(), size);
}

Result<> unpack_archive(const VerifiedSnapshot& snapshot, const Path& archive,
                        const Path& directory) {
  const FileDescriptor file = TRY(open_file(archive, O_RDONLY));
  const ArchiveDigest digest = TRY_WITH("checking the archive", check_archive(file.get()));
  TRY(snapshot.require_archive(digest.sha256, digest.size));
  return extract_archive(file.get(), digest, directory, ArchiveSync::kEveryFile);
}

Json snapshot_document(const VerifiedSnapshot& snapshot) {
  const VersionStatement& statement = snapshot.statement();
  Json document{
      {"origin", statement.origin},
      {"epoch", statement.epoch},
      {"repository", statement.repository},
      {"ref", statement.ref},
      {"version", statement.version},
      {"kind", statement.kind},
      {"commit", statement.commit},
      {"tree", statement.tree},
      {"treeSha256", "sha256:" + statement.tree_sha256},
      {"archive",
       {{"sha256", "sha256:" + statement.archive_sha256}, {"size", statement.archive_size}}},
      {"time", statement.time.rfc3339()},
      {"status", snapshot.age() == SnapshotAge::kCurrent ? "current" : "historic"},
      {"expires", nullptr},
      {"entry", snapshot.entry()}};
  if (snapshot.expires()) document["expires"] = snapshot.expires()->rfc3339();
  return document;
}

std::string describe_snapshot(const Json& document) {
  std::string text = shown(document, "repository") + " " + shown(document, "ref") + " version " +
                     shown(document, "version") + ": verified, " + shown(document, "status") + "\n";
  text += "  commit   " + shown(document, "commit") + "\n";
  text += "  tree     " + shown(document, "tree") + "\n";
  text += "  origin   " + shown(document, "origin") + ", epoch " + shown(document, "epoch") + "\n";
  text += "  logged   entry " + shown(document, "entry") + "\n";
  if (!document["expires"].is_null()) text += "  good to  " + shown(document, "expires") + "\n";
  if (document.contains("path")) text += "  path     " + shown(document, "path") + "\n";
  return text;
}

}  // namespace statehouse
