#pragma once

#include <string>
#include <vector>

#include "policy/resource.h"
#include "store/git/tree_walk.h"

namespace statehouse {

/// What adding a baseline did to the files of `system`.
enum class BaselineEdit {
  kAdded,     ///< a file was changed or added
  kWasThere,  ///< exactly this baseline is declared already
};

/// Declares `baseline` for `repository` in the files of a `system` tree.
///
/// An existing Repository document gets the baseline (in place of one with the same ref and
/// commit); only that document's lines are written anew, so comments inside it are lost, and
/// nothing else in the file changes. Without one, a document with the baseline's ref as default
/// branch is added in repositories/NAME.yaml.
/// Errors: kInvalidArgument when a file on the way does not read as resources.
Result<BaselineEdit> add_baseline(std::vector<TreeFile>& files, const RepositoryName& repository,
                                  const Baseline& baseline);

/// The YAML of one Repository resource, ending in LF.
std::string repository_yaml(const Repository& repository);

}  // namespace statehouse
