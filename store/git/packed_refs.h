#pragma once

#include <map>

#include "crypto/base/durable_step.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "store/model/name.h"
#include "store/model/oid.h"

namespace statehouse {

// The packed-refs file (gitrepository-layout(5)). The store writes none; a person who runs
// `git pack-refs` in the folder makes one, and it must not bring deleted refs back.

/// What packed-refs says; empty without one. Errors: kCorrupt for any line that is not a comment,
/// "<id> <ref>" or "^<id>" after one, for names that are no RefName, for repeated names, and for
/// anything but a regular file.
Result<std::map<RefName, Oid>> read_packed_refs(const Path& repository);

/// Rewrites packed-refs without `ref`, durably, under packed-refs.lock; nothing happens when it is
/// not in there. Steps of write_file_durably under "ref.packed".
/// Errors: kConflict (another git holds the lock).
Result<> remove_packed_ref(const Path& repository, const RefName& ref, DurableSteps& steps);

}  // namespace statehouse
