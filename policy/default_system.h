#pragma once

#include <string>
#include <vector>

#include "policy/configuration.h"
#include "store/model/name.h"

namespace statehouse {

/// Somebody named by `statehouse init --admin IDENTITY=KEYFILE`.
struct FirstAdministrator {
  ResourceName name;
  std::string key;                  ///< an SSH public key line, or an armored OpenPGP key
  std::vector<std::string> emails;  ///< may be empty: nothing in the first policies needs them
};

/// The files of the first `system` tree: an Identity per administrator, the group
/// `administrators`, policies for the audit and deploy branches of `system`, and the flow `system`
/// between them.
///
/// With two or more administrators a second one must approve every change; with one, no approval
/// is asked for and a comment in the flow says that four eyes are not possible.
/// The text is meant to be edited by people: commented, one resource per file. Sorted by path.
/// Errors: kInvalidArgument for no administrator, two of one name, or a key that cannot be read;
/// the result has been through `Configuration::build` and `find_lockout`.
Result<std::vector<ConfigurationFile>> default_system_files(
    const std::vector<FirstAdministrator>& administrators, const OpenPgpInspector& inspect,
    Timestamp now);

}  // namespace statehouse
