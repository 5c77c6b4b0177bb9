#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"
#include "store/model/oid.h"

namespace statehouse {

// Git objects as bytes (gitformat-pack(5), git-mktree(1)). Values; no I/O.

enum class ObjectType { kCommit, kTree, kBlob, kTag };

/// "commit", "tree", "blob", "tag".
std::string_view object_type_name(ObjectType type);

struct GitObject {
  ObjectType type = ObjectType::kBlob;
  std::string bytes;  ///< the content, without Git's "type size\0" header
};

/// The closed set of modes in a tree. Gitlinks are read, so that they can be refused by name.
enum class FileMode : std::uint32_t {
  kFile = 0100644,
  kExecutable = 0100755,
  kSymlink = 0120000,
  kTree = 0040000,
  kGitlink = 0160000,
};

/// "100644", "40000": the octal text as a tree stores it.
std::string_view file_mode_text(FileMode mode);

struct TreeEntry {
  FileMode mode = FileMode::kFile;
  std::string name;
  Oid oid;

  [[nodiscard]] bool is_tree() const { return mode == FileMode::kTree; }
};

/// Reads a tree object. Strict: only the modes above without leading zeros, names that are not
/// empty and hold no "/", Git's order, no duplicates (also not a file and a folder of one name).
/// Errors: kInvalidArgument with the offset: bytes that hash to their id were written like this.
Result<std::vector<TreeEntry>> parse_tree(std::string_view bytes);

/// The tree object of `entries`, which it sorts.
/// REQUIRES: names are distinct, not empty, without "/" and NUL.
std::string serialize_tree(std::vector<TreeEntry> entries);

/// Git's order of entries: bytes, where a folder counts as if its name ended in "/". Walking trees
/// in this order yields full paths in byte order. Negative, zero, positive.
int compare_tree_entries(std::string_view name, bool is_tree, std::string_view other_name,
                         bool other_is_tree);

/// SHA-1 of the object, with collision detection (sha1dc in libgit2).
/// REQUIRES: a GitLibrary is alive. Errors: kInvalidArgument when the bytes are a collision attack.
Result<Oid> object_id(ObjectType type, std::string_view bytes);

}  // namespace statehouse
