#include "store/git/tree_digest.h"

#include <optional>
#include <unordered_map>
#include <vector>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

/// A tree whose entries are being hashed.
struct Level {
  Oid oid;
  std::vector<TreeEntry> entries;
  std::size_t next = 0;
  std::string bytes;  ///< the SHA-256 tree object so far
};

void append_entry(Level& level, const TreeEntry& entry, const std::string& digest) {
  level.bytes.append(file_mode_text(entry.mode)).append(1, ' ').append(entry.name);
  level.bytes.append(1, '\0').append(digest);
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
  // What this call met stays at hand whatever the shared memory forgets: a tree that repeats its
  // subtrees must not be walked path by path.
  std::unordered_map<Oid, std::string> met;
  const auto known = [&](const Oid& oid) -> std::optional<std::string> {
    if (const auto at = met.find(oid); at != met.end()) return at->second;
    return memory_.recall(oid);
  };
  const auto keep = [&](const Oid& oid, const std::string& digest) {
    met[oid] = digest;
    memory_.remember(oid, digest);
  };
  if (const auto digest = known(tree)) return *digest;
  std::vector<Level> levels;
  std::vector<TreeEntry> entries = TRY(repository.read_tree(tree));
  levels.push_back({tree, std::move(entries), 0, {}});
  for (;;) {
    Level& level = levels.back();
    if (level.next == level.entries.size()) {
      const std::string digest = object_sha256(ObjectType::kTree, level.bytes);
      keep(level.oid, digest);
      levels.pop_back();
      if (levels.empty()) return digest;
      append_entry(levels.back(), levels.back().entries[levels.back().next], digest);
      continue;
    }
    const TreeEntry& entry = level.entries[level.next];
    if (entry.mode == FileMode::kGitlink) {
      return invalid_argument("hashing a tree: " + escape_for_message(entry.name) +
                              " is a submodule");
    }
    if (const auto digest = known(entry.oid)) {
      append_entry(level, entry, *digest);
    } else if (entry.is_tree()) {
      if (levels.size() > limits::kTreeDepthMax) {
        return invalid_argument("hashing a tree: more than " +
                                std::to_string(limits::kTreeDepthMax) + " nested folders");
      }
      entries = TRY(repository.read_tree(entry.oid));
      levels.push_back({entry.oid, std::move(entries), 0, {}});
    } else {
      const std::string blob = TRY(repository.read_blob(entry.oid));
      const std::string made = object_sha256(ObjectType::kBlob, blob);
      keep(entry.oid, made);
      append_entry(level, entry, made);
    }
  }
}

}  // namespace statehouse
