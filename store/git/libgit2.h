#pragma once

#include <git2.h>

#include <string_view>
#include <utility>

#include "crypto/base/error.h"
#include "store/git/object.h"

// Private to store/git: the only header that sees libgit2's C interface (1.5.1).
//
// Each C object has one owner type, whose `out()` is passed to the creating call, so that it owns
// even when that call fails half way. Each return code is converted on the next line.

namespace statehouse {

template <typename T, auto Release>
class Libgit2Handle {
 public:
  /// Where a creating call stores its result. REQUIRES: called once.
  T** out() { return &pointer_; }
  [[nodiscard]] T* get() const { return pointer_; }
  T* release_ownership() { return std::exchange(pointer_, nullptr); }

  Libgit2Handle() = default;
  Libgit2Handle(const Libgit2Handle&) = delete;
  Libgit2Handle& operator=(const Libgit2Handle&) = delete;
  ~Libgit2Handle() { Release(pointer_); }

 private:
  T* pointer_ = nullptr;
};

using OdbHandle = Libgit2Handle<git_odb, git_odb_free>;
using OdbObjectHandle = Libgit2Handle<git_odb_object, git_odb_object_free>;

git_oid to_libgit2(const Oid& oid);
Oid from_libgit2(const git_oid& oid);
git_object_t to_libgit2(ObjectType type);
/// Errors: kCorrupt for anything but the four types of objects.
Result<ObjectType> from_libgit2(git_object_t type);

/// The error of this thread's last libgit2 call, which returned `code` (< 0): `doing: message`.
/// GIT_ENOTFOUND is kNotFound; a hash that differs, broken zlib or object data is kCorrupt; failing
/// system calls and memory are kUnavailable; the rest is kInternal.
Error libgit2_error(int code, std::string_view doing);

}  // namespace statehouse
