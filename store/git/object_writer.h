#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crypto/base/durable_step.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "store/git/git_repository.h"
#include "store/git/tree_walk.h"
#include "store/model/name.h"

namespace statehouse {

/// Writes objects that the store itself makes (seal commits, the first `system` tree) into the bare
/// repository at `repository`, as loose objects, and returns their ids in order.
///
/// Durable when it returns: each file is written beside its place, fsynced, renamed, and its folder
/// fsynced (steps of write_file_durably under "objects.loose"; "objects.fan-out" for a new folder).
/// An object that is there already is written again: its old file may never have been synced.
/// Harmless when a push is denied afterwards: nothing refers to them.
/// Errors: kUnavailable (disk full). Threads: any.
Result<std::vector<Oid>> write_objects_durably(const Path& repository,
                                               std::span<const GitObject> objects,
                                               DurableSteps& steps);

/// Objects to write, and the id of the tree that holds them all.
struct BuiltTree {
  Oid root;
  std::vector<GitObject> objects;
};

/// The blobs and trees of a set of files. Errors: kInvalidArgument (no files, two of one path, a
/// file where a folder is needed, a mode of tree or gitlink).
Result<BuiltTree> build_tree(const std::vector<TreeFile>& files);

/// `target` with the folder at `path` replaced by `source` (none: removed; emptied parents vanish,
/// as Git has no empty folders). Only the trees on the way are new; `root` may equal `target`.
/// Errors: kInvalidArgument (a file stands on the way, or nothing would be left); as
/// GitRepository's.
Result<BuiltTree> replace_subtree(const GitRepository& repository, const Oid& target,
                                  const TreePath& path, const std::optional<Oid>& source);

}  // namespace statehouse
