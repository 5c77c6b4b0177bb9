#include "store/git/libgit2.h"

#include <cstring>
#include <string>

#include "crypto/base/encoding.h"
#include "store/git/git_library.h"

namespace statehouse {

namespace {

constexpr std::size_t kCacheBytesMax = 64U << 20;
constexpr std::size_t kCachedTreeBytesMax = 256U << 10;
constexpr std::size_t kWindowBytes = 32U << 20;
constexpr std::size_t kMappedBytesMax = 1U << 30;
constexpr std::size_t kOpenPackFilesMax = 512;

bool is_damage(int klass) {
  return klass == GIT_ERROR_ZLIB || klass == GIT_ERROR_ODB || klass == GIT_ERROR_OBJECT ||
         klass == GIT_ERROR_INVALID || klass == GIT_ERROR_SHA || klass == GIT_ERROR_INDEXER;
}

ErrorCode error_code_of(int code, int klass) {
  if (code == GIT_ENOTFOUND) return ErrorCode::kNotFound;
  if (code == GIT_EMISMATCH) return ErrorCode::kCorrupt;
  if (klass == GIT_ERROR_OS || klass == GIT_ERROR_NOMEMORY) return ErrorCode::kUnavailable;
  return is_damage(klass) ? ErrorCode::kCorrupt : ErrorCode::kInternal;
}

}  // namespace

git_oid to_libgit2(const Oid& oid) {
  git_oid result;
  std::memcpy(result.id, oid.bytes().data(), Oid::kBytes);
  return result;
}

Oid from_libgit2(const git_oid& oid) {
  return Oid::from_bytes({reinterpret_cast<const char*>(oid.id), Oid::kBytes});
}

git_object_t to_libgit2(ObjectType type) {
  switch (type) {
    case ObjectType::kCommit:
      return GIT_OBJECT_COMMIT;
    case ObjectType::kTree:
      return GIT_OBJECT_TREE;
    case ObjectType::kBlob:
      return GIT_OBJECT_BLOB;
    case ObjectType::kTag:
      return GIT_OBJECT_TAG;
  }
  STATEHOUSE_ASSERT(false);
  return GIT_OBJECT_INVALID;
}

Result<ObjectType> from_libgit2(git_object_t type) {
  if (type == GIT_OBJECT_COMMIT) return ObjectType::kCommit;
  if (type == GIT_OBJECT_TREE) return ObjectType::kTree;
  if (type == GIT_OBJECT_BLOB) return ObjectType::kBlob;
  if (type == GIT_OBJECT_TAG) return ObjectType::kTag;
  return corrupt("reading an object: its type is none that Git has");
}

Error libgit2_error(int code, std::string_view doing) {
  const git_error* last = git_error_last();
  const int klass = last == nullptr ? GIT_ERROR_NONE : last->klass;
  std::string message = std::string(doing) + ": ";
  message += last == nullptr || last->message == nullptr ? "libgit2 error " + std::to_string(code)
                                                         : escape_for_message(last->message);
  return Error{error_code_of(code, klass), std::move(message), {}};
}

GitLibrary::GitLibrary() {
  STATEHOUSE_ASSERT(git_libgit2_init() > 0);
  git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
  git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, static_cast<ssize_t>(kCacheBytesMax));
  git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE, kCachedTreeBytesMax);
  git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, kWindowBytes);
  git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, kMappedBytesMax);
  git_libgit2_opts(GIT_OPT_SET_MWINDOW_FILE_LIMIT, kOpenPackFilesMax);
  for (const int level : {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_XDG,
                          GIT_CONFIG_LEVEL_PROGRAMDATA}) {
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
  }
}

GitLibrary::~GitLibrary() { git_libgit2_shutdown(); }

Result<> GitLibrary::check() {
  int major = 0;
  int minor = 0;
  int revision = 0;
  git_libgit2_version(&major, &minor, &revision);
  if (major * 10000 + minor * 100 + revision < 10501) {
    return unavailable("checking libgit2: 1.5.1 or later is needed");
  }
  if ((git_libgit2_features() & GIT_FEATURE_THREADS) == 0) {
    return unavailable("checking libgit2: it is built without threads");
  }
  return {};
}

}  // namespace statehouse
