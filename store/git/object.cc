#include "store/git/object.h"

#include <algorithm>
#include <array>

#include "store/git/libgit2.h"

namespace statehouse {

namespace {

constexpr std::array kModes = {FileMode::kFile, FileMode::kExecutable, FileMode::kSymlink,
                               FileMode::kTree, FileMode::kGitlink};

std::unexpected<Error> bad_tree(std::size_t offset, std::string_view why) {
  return invalid_argument("reading a tree: " + std::string(why) + " at offset " +
                          std::to_string(offset));
}

Result<FileMode> parse_mode(std::string_view text, std::size_t offset) {
  for (const FileMode mode : kModes) {
    if (text == file_mode_text(mode)) return mode;
  }
  return bad_tree(offset, "a mode that Git does not write");
}

/// A file `a` and a folder `a` need not be neighbours ("a", "a.b", "a/"): Git looks back the same
/// way (fsck.c, verify_ordered).
class DuplicateFinder {
 public:
  /// REQUIRES: called in Git's order. True when `entry` repeats an earlier name.
  bool repeats(const TreeEntry& entry) {
    while (!candidates_.empty() && !entry.name.starts_with(candidates_.back())) {
      candidates_.pop_back();
    }
    if (entry.is_tree()) {
      return std::find(candidates_.begin(), candidates_.end(), entry.name) != candidates_.end();
    }
    candidates_.push_back(entry.name);
    return false;
  }

 private:
  std::vector<std::string_view> candidates_;  ///< files whose name begins the names that follow
};

Result<> require_order(const std::vector<TreeEntry>& entries) {
  DuplicateFinder duplicates;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const TreeEntry& entry = entries[i];
    if (i > 0 && compare_tree_entries(entries[i - 1].name, entries[i - 1].is_tree(), entry.name,
                                      entry.is_tree()) >= 0) {
      return invalid_argument("reading a tree: entry " + std::to_string(i) + " is out of order");
    }
    if (duplicates.repeats(entry)) {
      return invalid_argument("reading a tree: entry " + std::to_string(i) + " repeats a name");
    }
  }
  return {};
}

}  // namespace

std::string_view object_type_name(ObjectType type) {
  switch (type) {
    case ObjectType::kCommit:
      return "commit";
    case ObjectType::kTree:
      return "tree";
    case ObjectType::kBlob:
      return "blob";
    case ObjectType::kTag:
      return "tag";
  }
  STATEHOUSE_ASSERT(false);
  return {};
}

std::string_view file_mode_text(FileMode mode) {
  switch (mode) {
    case FileMode::kFile:
      return "100644";
    case FileMode::kExecutable:
      return "100755";
    case FileMode::kSymlink:
      return "120000";
    case FileMode::kTree:
      return "40000";
    case FileMode::kGitlink:
      return "160000";
  }
  STATEHOUSE_ASSERT(false);
  return {};
}

Result<std::vector<TreeEntry>> parse_tree(std::string_view bytes) {
  std::vector<TreeEntry> entries;
  entries.reserve(bytes.size() / 36);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t space = bytes.find(' ', at);
    const std::size_t nul = bytes.find('\0', at);
    if (space == std::string_view::npos || nul == std::string_view::npos || space > nul ||
        bytes.size() - nul <= Oid::kBytes) {
      return bad_tree(at, "an entry that is cut off");
    }
    TreeEntry entry;
    entry.mode = TRY(parse_mode(bytes.substr(at, space - at), at));
    entry.name = bytes.substr(space + 1, nul - space - 1);
    entry.oid = Oid::from_bytes(bytes.substr(nul + 1, Oid::kBytes));
    if (entry.name.empty() || entry.name.find('/') != std::string::npos) {
      return bad_tree(at, "a name that is empty or holds a slash");
    }
    entries.push_back(std::move(entry));
    at = nul + 1 + Oid::kBytes;
  }
  TRY(require_order(entries));
  return entries;
}

std::string serialize_tree(std::vector<TreeEntry> entries) {
  std::sort(entries.begin(), entries.end(), [](const TreeEntry& one, const TreeEntry& other) {
    return compare_tree_entries(one.name, one.is_tree(), other.name, other.is_tree()) < 0;
  });
  std::string bytes;
  for (const TreeEntry& entry : entries) {
    bytes.append(file_mode_text(entry.mode)).append(1, ' ').append(entry.name).append(1, '\0');
    bytes.append(entry.oid.bytes());
  }
  return bytes;
}

int compare_tree_entries(std::string_view name, bool is_tree, std::string_view other_name,
                         bool other_is_tree) {
  const std::size_t common = std::min(name.size(), other_name.size());
  const int head = name.substr(0, common).compare(other_name.substr(0, common));
  if (head != 0) return head;
  const auto next = [common](std::string_view text, bool tree) -> int {
    if (text.size() > common) return static_cast<unsigned char>(text[common]);
    return tree ? '/' : 0;
  };
  return next(name, is_tree) - next(other_name, other_is_tree);
}

Result<Oid> object_id(ObjectType type, std::string_view bytes) {
  git_oid oid;
  const int code = git_odb_hash(&oid, bytes.data(), bytes.size(), to_libgit2(type));
  if (code < 0) {
    Error error = libgit2_error(code, "hashing an object");
    return invalid_argument(std::move(error.message));
  }
  return from_libgit2(oid);
}

}  // namespace statehouse
