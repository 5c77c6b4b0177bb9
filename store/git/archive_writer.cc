#include "crypto/base/encoding.h"
#include "crypto/sha256.h"
#include "store/git/archive.h"
#include "store/git/archive_entry.h"
#include "store/git/tree_walk.h"

namespace statehouse {

namespace {

/// Counts and hashes what goes to a sink.
class Writer {
 public:
  Writer(const ByteSink& sink, const ArchiveLimits& archive_limits)
      : sink_(sink), limits_(archive_limits) {}

  Result<> add(const ArchiveEntry& entry, std::string_view content) {
    TRY_WITH("writing an archive", check_archive_entry(entry));
    TRY(put(archive_headers(entry)));
    TRY(put(content));
    ++digest_.entries;
    return put(archive_padding(content.size()));
  }

  Result<ArchiveDigest> finish() {
    TRY(put(std::string(2 * kArchiveBlockBytes, '\0')));
    digest_.sha256 = hash_.finish();
    return digest_;
  }

 private:
  Result<> put(std::string_view bytes) {
    if (bytes.empty()) return {};
    digest_.size += bytes.size();
    if (digest_.size > limits_.bytes_max) {
      return invalid_argument("writing an archive: more than " + std::to_string(limits_.bytes_max) +
                              " bytes");
    }
    hash_.update(bytes);
    return sink_(bytes);
  }

  const ByteSink& sink_;
  const ArchiveLimits limits_;
  Sha256 hash_;
  ArchiveDigest digest_;
};

}  // namespace

Result<ArchiveDigest> write_archive(const GitRepository& repository, const Oid& tree,
                                    const ByteSink& sink, const ArchiveLimits& archive_limits) {
  Writer writer(sink, archive_limits);
  const auto visit = [&](const TreeItem& item) -> Result<WalkStep> {
    if (item.mode == FileMode::kTree) return WalkStep::kDescend;
    if (item.mode == FileMode::kGitlink) {
      return invalid_argument("writing an archive: " + escape_for_message(item.path) +
                              " is a submodule");
    }
    const std::string bytes = TRY(repository.read_blob(item.oid));
    if (item.mode == FileMode::kSymlink) {
      TRY(writer.add({item.path, item.mode, 0, bytes}, {}));
    } else {
      TRY(writer.add({item.path, item.mode, bytes.size(), {}}, bytes));
    }
    return WalkStep::kDescend;
  };
  TRY(walk_tree(repository, tree, {archive_limits.entries_max, limits::kTreeDepthMax}, visit));
  return writer.finish();
}

}  // namespace statehouse
