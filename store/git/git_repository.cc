#include "store/git/git_repository.h"

#include <sys/stat.h>

#include "store/git/libgit2.h"

namespace statehouse {

namespace {

constexpr std::size_t kTagChainMax = 8;

std::unexpected<Error> wrong_type(const Oid& oid, ObjectType found, ObjectType wanted) {
  return invalid_argument("reading object " + oid.hex() + ": it is a " +
                          std::string(object_type_name(found)) + ", not a " +
                          std::string(object_type_name(wanted)));
}

/// libgit2 would follow the file by itself, to objects that are not this repository's.
Result<> require_no_alternates(const Path& objects) {
  struct stat status{};
  for (const char* name : {"info/alternates", "info/http-alternates"}) {
    const Path file = objects / name;
    if (::lstat(file.c_str(), &status) == 0) {
      return corrupt("opening " + objects.string() + ": there is a file " + name,
                     "find out who wrote it; the store never does");
    }
  }
  if (::stat(objects.c_str(), &status) != 0) {
    return std::unexpected(errno_error("opening " + objects.string(), errno));
  }
  return {};
}

Result<GitObject> require_type(Result<GitObject> object, const Oid& oid, ObjectType wanted) {
  if (object && object->type != wanted) return wrong_type(oid, object->type, wanted);
  return object;
}

}  // namespace

void GitRepository::CloseOdb::operator()(git_odb* odb) const { git_odb_free(odb); }

GitRepository::GitRepository(git_odb* odb, std::shared_ptr<CommitGraph> graph)
    : odb_(odb), graph_(std::move(graph)) {}

GitRepository::~GitRepository() = default;

Result<std::unique_ptr<GitRepository>> GitRepository::open(const Path& objects,
                                                           const Path& alternate,
                                                           std::shared_ptr<CommitGraph> graph) {
  TRY(require_no_alternates(objects));
  OdbHandle odb;
  if (const int code = git_odb_open(odb.out(), objects.c_str()); code < 0) {
    return std::unexpected(libgit2_error(code, "opening " + objects.string()));
  }
  if (!alternate.empty()) {
    TRY(require_no_alternates(alternate));
    if (const int code = git_odb_add_disk_alternate(odb.get(), alternate.c_str()); code < 0) {
      return std::unexpected(libgit2_error(code, "opening " + alternate.string()));
    }
  }
  return std::unique_ptr<GitRepository>(
      new GitRepository(odb.release_ownership(), std::move(graph)));
}

Result<GitObject> GitRepository::read_object(const Oid& oid, std::uint64_t bytes_max) const {
  const ObjectHeader header = TRY(object_header(oid));
  if (header.size > bytes_max) {
    return invalid_argument("reading object " + oid.hex() + ": it has " +
                            std::to_string(header.size) + " bytes, more than " +
                            std::to_string(bytes_max));
  }
  const git_oid id = to_libgit2(oid);
  OdbObjectHandle object;
  if (const int code = git_odb_read(object.out(), odb_.get(), &id); code < 0) {
    return std::unexpected(libgit2_error(code, "reading object " + oid.hex()));
  }
  const ObjectType type = TRY(from_libgit2(git_odb_object_type(object.get())));
  return GitObject{type, std::string(static_cast<const char*>(git_odb_object_data(object.get())),
                                     git_odb_object_size(object.get()))};
}

Result<ObjectHeader> GitRepository::object_header(const Oid& oid) const {
  const git_oid id = to_libgit2(oid);
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  if (const int code = git_odb_read_header(&size, &type, odb_.get(), &id); code < 0) {
    return std::unexpected(libgit2_error(code, "reading object " + oid.hex()));
  }
  const ObjectType known = TRY(from_libgit2(type));
  return ObjectHeader{known, size};
}

bool GitRepository::has_object(const Oid& oid) const {
  const git_oid id = to_libgit2(oid);
  return git_odb_exists(odb_.get(), &id) == 1;
}

Result<GitCommit> GitRepository::read_commit(const Oid& oid) const {
  GitObject object =
      TRY(require_type(read_object(oid, limits::kCommitBytesMax), oid, ObjectType::kCommit));
  GitCommit commit;
  commit.oid = oid;
  commit.object = TRY_WITH("reading commit " + oid.hex(), parse_commit(object.bytes));
  commit.tree = TRY(Oid::parse(commit.object.tree));
  for (const std::string& parent : commit.object.parents) {
    commit.parents.push_back(TRY(Oid::parse(parent)));
  }
  commit.raw = std::move(object.bytes);
  return commit;
}

Result<std::vector<TreeEntry>> GitRepository::read_tree(const Oid& oid) const {
  const GitObject object = TRY(require_type(read_object(oid), oid, ObjectType::kTree));
  return TRY_WITH("tree " + oid.hex(), parse_tree(object.bytes));
}

Result<std::string> GitRepository::read_blob(const Oid& oid, std::uint64_t bytes_max) const {
  GitObject object = TRY(require_type(read_object(oid, bytes_max), oid, ObjectType::kBlob));
  return std::move(object.bytes);
}

Result<PeeledTip> GitRepository::peel(const Oid& oid) const {
  PeeledTip tip{oid, {}};
  for (;;) {
    const ObjectHeader header = TRY(object_header(tip.commit));
    if (header.type == ObjectType::kCommit) return tip;
    if (header.type != ObjectType::kTag) {
      return wrong_type(tip.commit, header.type, ObjectType::kCommit);
    }
    if (tip.tags.size() == kTagChainMax) {
      return invalid_argument("reading tag " + oid.hex() + ": tags of tags of tags");
    }
    const GitObject tag = TRY(read_object(tip.commit, limits::kCommitBytesMax));
    const TagObject parsed = TRY_WITH("reading tag " + oid.hex(), parse_tag(tag.bytes));
    tip.tags.push_back(tip.commit);
    tip.commit = TRY(Oid::parse(parsed.object));
  }
}

}  // namespace statehouse
