#include "store/git/tree_digest.h"

#include <optional>
#include <unordered_map>
#include <vector>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"
#include "store/git/archive_entry.h"

namespace statehouse {

namespace {

/// A tree whose entries are being hashed.
struct Level {
  Oid oid;
  std::vector<TreeEntry> entries;
  std::size_t next = 0;
  std::string bytes = {};  ///< the SHA-256 tree object so far
  std::uint64_t archive_bytes = 0;
};

/// In an archive, besides the content: the header, a pax header, the record of a long path, and
/// that of a long link (whose target is its content).
constexpr std::uint64_t kEntryBytesAtMost =
    2 * kArchiveBlockBytes + (limits::kTreePathBytesMax + kArchiveBlockBytes) + kArchiveBlockBytes;

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void append_entry(Level& level, const TreeEntry& entry, const TreeMeasure& measure) {
  level.bytes.append(file_mode_text(entry.mode)).append(1, ' ').append(entry.name);
  level.bytes.append(1, '\0').append(measure.sha256);
  level.archive_bytes = sum(level.archive_bytes, sum(kEntryBytesAtMost, measure.archive_bytes_max));
  ++level.next;
}

}  // namespace

std::string object_sha256(ObjectType type, std::string_view bytes) {
  Sha256 hash;
  hash.update(std::string(object_type_name(type)) + " " + std::to_string(bytes.size()) + '\0');
  hash.update(bytes);
  return hash.finish();
}

Result<std::string> TreeDigests::tree_sha256(const GitRepository& repository, const Oid& tree) {
  TreeMeasure measured = TRY(measure(repository, tree));
  return std::move(measured.sha256);
}

Result<TreeMeasure> TreeDigests::measure(const GitRepository& repository, const Oid& tree) {
  // What this call met stays at hand whatever the shared memory forgets: a tree that repeats its
  // subtrees must not be walked path by path.
  std::unordered_map<Oid, TreeMeasure> met;
  const auto known = [&](const Oid& oid) -> std::optional<TreeMeasure> {
    if (const auto at = met.find(oid); at != met.end()) return at->second;
    return memory_.recall(oid);
  };
  const auto keep = [&](const Oid& oid, const TreeMeasure& measure) {
    met[oid] = measure;
    memory_.remember(oid, measure);
  };
  if (auto measure = known(tree)) return *std::move(measure);
  std::vector<Level> levels;
  std::vector<TreeEntry> entries = TRY(repository.read_tree(tree));
  levels.push_back({tree, std::move(entries)});
  for (;;) {
    Level& level = levels.back();
    if (level.next == level.entries.size()) {
      TreeMeasure measure{object_sha256(ObjectType::kTree, level.bytes), level.archive_bytes};
      keep(level.oid, measure);
      levels.pop_back();
      if (levels.empty()) return measure;
      append_entry(levels.back(), levels.back().entries[levels.back().next], measure);
      continue;
    }
    const TreeEntry& entry = level.entries[level.next];
    if (entry.mode == FileMode::kGitlink) {
      return invalid_argument("hashing a tree: " + escape_for_message(entry.name) +
                              " is a submodule");
    }
    if (const auto measure = known(entry.oid)) {
      append_entry(level, entry, *measure);
    } else if (entry.is_tree()) {
      if (levels.size() > limits::kTreeDepthMax) {
        return invalid_argument("hashing a tree: more than " +
                                std::to_string(limits::kTreeDepthMax) + " nested folders");
      }
      entries = TRY(repository.read_tree(entry.oid));
      levels.push_back({entry.oid, std::move(entries)});
    } else {
      const std::string blob = TRY(repository.read_blob(entry.oid));
      const TreeMeasure made{object_sha256(ObjectType::kBlob, blob),
                             blob.size() + archive_padding(blob.size()).size()};
      keep(entry.oid, made);
      append_entry(level, entry, made);
    }
  }
}

}  // namespace statehouse
