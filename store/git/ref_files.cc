#include "store/git/ref_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "crypto/base/encoding.h"
#include "store/git/packed_refs.h"

namespace statehouse {

namespace {

constexpr std::string_view kLockSuffix = ".lock";
constexpr std::uint64_t kRefFileBytesMax = 1024;
constexpr std::size_t kFolderDepthMax = 128;

Path lock_path(const Path& file) { return file.string() + std::string(kLockSuffix); }

std::unexpected<Error> tampered(const Path& path, std::string_view why) {
  return corrupt("reading " + escape_for_message(path.string()) + ": " + std::string(why));
}

enum class Kind { kAbsent, kFile, kFolder, kOther };

Result<Kind> kind_of(const Path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return Kind::kAbsent;
    return std::unexpected(errno_error("reading " + path.string(), errno));
  }
  if (S_ISREG(status.st_mode)) return Kind::kFile;
  return S_ISDIR(status.st_mode) ? Kind::kFolder : Kind::kOther;
}

/// Makes the folders between the repository and `ref`'s file, each durable.
Result<> make_ref_folders(const Path& repository, const RefName& ref) {
  Path folder = repository;
  for (const Path& part : Path(ref.str()).parent_path()) {
    folder /= part;
    const Kind kind = TRY(kind_of(folder));
    if (kind == Kind::kFolder) continue;
    if (kind != Kind::kAbsent) {
      return conflict("locking " + ref.str() + ": a ref stands where a folder is needed");
    }
    const Result<> created = create_directory_durably(folder);
    if (!created && created.error().code != ErrorCode::kConflict) return created;
  }
  return {};
}

/// Removes `folder` when there is nothing in it but empty folders: deleted refs leave such.
Result<> remove_empty_folders(const Path& folder, std::size_t depth = 0) {
  const std::vector<std::string> names = TRY(list_directory(folder));
  for (const std::string& name : names) {
    const Kind kind = TRY(kind_of(folder / name));
    if (kind == Kind::kFolder && depth < kFolderDepthMax) {
      TRY(remove_empty_folders(folder / name, depth + 1));
    }
  }
  ::rmdir(folder.c_str());  // fails when a ref lies below: the caller looks again
  return {};
}

/// Makes sure that a file can take the place of the ref.
Result<> clear_place(const Path& file, const RefName& ref) {
  Kind kind = TRY(kind_of(file));
  if (kind == Kind::kFolder) {
    TRY(remove_empty_folders(file));
    kind = TRY(kind_of(file));
  }
  if (kind == Kind::kAbsent || kind == Kind::kFile) return {};
  if (kind == Kind::kOther) return tampered(file, "it is not a regular file");
  return conflict("locking " + ref.str() + ": there are refs below it");
}

Result<Oid> parse_ref_content(const Path& file, std::string_view content) {
  if (!content.ends_with('\n')) return tampered(file, "it is not an id and a newline");
  content.remove_suffix(1);
  const Result<Oid> oid = Oid::parse(content);
  if (!oid) return tampered(file, "it is not an id and a newline");
  return *oid;
}

Result<Oid> read_loose_ref(const Path& file) {
  const Result<std::string> content = read_file(file, kRefFileBytesMax);
  if (!content && content.error().code == ErrorCode::kInvalidArgument) {
    return tampered(file, "it is too long for a ref");
  }
  if (!content) return std::unexpected(content.error());
  return parse_ref_content(file, *content);
}

struct Found {
  std::string name;  ///< from the repository: "refs/heads/main.lock"
  Kind kind;
};

/// Everything below refs/ that is not a folder.
Result<std::vector<Found>> walk_refs(const Path& repository) {
  std::vector<Found> found;
  std::vector<std::string> folders = {"refs"};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    const std::vector<std::string> names = TRY(list_directory(repository / folder));
    for (const std::string& name : names) {
      const std::string path = folder + "/" + name;
      const Kind kind = TRY(kind_of(repository / path));
      if (kind == Kind::kFolder) {
        folders.push_back(path);
      } else if (kind != Kind::kAbsent) {
        found.push_back({path, kind});
      }
    }
  }
  return found;
}

}  // namespace

RefLocks::RefLocks(RefLocks&& other) noexcept
    : repository_(std::move(other.repository_)), held_(std::exchange(other.held_, {})) {}

RefLocks& RefLocks::operator=(RefLocks&& other) noexcept {
  std::swap(repository_, other.repository_);
  std::swap(held_, other.held_);
  return *this;
}

Result<RefLocks> RefLocks::acquire(const Path& repository, std::span<const RefFileUpdate> updates,
                                   DurableSteps& steps) {
  std::set<RefName> seen;
  RefLocks locks(repository);
  for (const RefFileUpdate& update : updates) {
    if (!seen.insert(update.ref).second) {
      return invalid_argument("locking " + update.ref.str() + ": it is there twice");
    }
    TRY(locks.lock_one(update, steps));
  }
  return locks;
}

Result<> RefLocks::lock_one(const RefFileUpdate& update, DurableSteps& steps) {
  const Path file = repository_ / update.ref.str();
  TRY(make_ref_folders(repository_, update.ref));
  TRY(clear_place(file, update.ref));
  FileDescriptor fd;
  TRY(durable_step(steps, "ref.lock", [&]() -> Result<> {
    Result<FileDescriptor> opened = open_file(lock_path(file), O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!opened && opened.error().code == ErrorCode::kConflict) {
      return conflict("locking " + update.ref.str() + ": somebody else holds the lock");
    }
    if (!opened) return std::unexpected(std::move(opened).error());
    fd = *std::move(opened);
    held_.push_back({update, file});
    if (!update.oid) return {};
    return write_all(fd.get(), update.oid->hex() + "\n");
  }));
  return durable_step(steps, "ref.lock-sync", [&]() -> Result<> {
    TRY(sync_descriptor(fd.get(), lock_path(file)));
    return sync_directory(file.parent_path());
  });
}

Result<> RefLocks::publish(DurableSteps& steps) {
  const std::vector<Held> held = std::exchange(held_, {});
  Result<> outcome;
  for (const Held& one : held) {
    Result<> published = publish_one(one, steps);
    if (published) continue;
    // The move is committed whatever its file says; a lock left here would only keep the next one
    // out.
    ::unlink(lock_path(one.file).c_str());
    if (outcome) outcome = std::move(published);
  }
  return outcome;
}

Result<> RefLocks::publish_one(const Held& held, DurableSteps& steps) const {
  TRY(durable_step(steps, "ref.rename", [&]() -> Result<> {
    const Path lock = lock_path(held.file);
    if (held.update.oid) {
      if (::rename(lock.c_str(), held.file.c_str()) == 0) return {};
      return std::unexpected(errno_error("publishing " + held.update.ref.str(), errno));
    }
    // Packed first: otherwise the packed value would show for a moment.
    TRY(remove_packed_ref(repository_, held.update.ref, steps));
    if (::unlink(held.file.c_str()) != 0 && errno != ENOENT) {
      return std::unexpected(errno_error("deleting " + held.update.ref.str(), errno));
    }
    ::unlink(lock.c_str());
    return {};
  }));
  return durable_step(steps, "ref.sync-directory",
                      [&] { return sync_directory(held.file.parent_path()); });
}

void RefLocks::release() {
  for (const Held& held : held_) ::unlink(lock_path(held.file).c_str());
  held_.clear();
}

Result<> write_ref_files(const Path& repository, std::span<const RefFileUpdate> updates,
                         DurableSteps& steps) {
  RefLocks locks = TRY(RefLocks::acquire(repository, updates, steps));
  return locks.publish(steps);
}

Result<std::optional<Oid>> read_ref_file(const Path& repository, const RefName& ref) {
  const Path file = repository / ref.str();
  const Kind kind = TRY(kind_of(file));
  if (kind == Kind::kOther) return tampered(file, "it is not a regular file");
  if (kind == Kind::kFile) {
    const Oid oid = TRY(read_loose_ref(file));
    return oid;
  }
  const std::map<RefName, Oid> packed = TRY(read_packed_refs(repository));
  const auto at = packed.find(ref);
  if (at == packed.end()) return std::nullopt;
  return at->second;
}

Result<std::map<RefName, Oid>> list_ref_files(const Path& repository) {
  std::map<RefName, Oid> refs = TRY(read_packed_refs(repository));
  const std::vector<Found> found = TRY(walk_refs(repository));
  for (const Found& one : found) {
    const Path file = repository / one.name;
    if (one.kind != Kind::kFile) return tampered(file, "it is not a regular file");
    if (one.name.ends_with(kLockSuffix)) continue;
    const Result<RefName> name = RefName::parse(one.name);
    if (!name) return tampered(file, "its name is no ref's");
    const Oid oid = TRY(read_loose_ref(file));
    refs.insert_or_assign(*name, oid);
  }
  return refs;
}

Result<std::size_t> remove_stale_ref_locks(const Path& repository) {
  std::vector<std::string> locks = {"packed-refs.lock", "HEAD.lock"};
  const std::vector<Found> found = TRY(walk_refs(repository));
  for (const Found& one : found) {
    if (one.name.ends_with(kLockSuffix)) locks.push_back(one.name);
  }
  std::size_t removed = 0;
  for (const std::string& lock : locks) {
    if (::unlink((repository / lock).c_str()) == 0) {
      ++removed;
    } else if (errno != ENOENT) {
      return std::unexpected(errno_error("removing " + escape_for_message(lock), errno));
    }
  }
  return removed;
}

Result<> write_head(const Path& repository, const RefName& branch, DurableSteps& steps) {
  return write_file_durably(repository / "HEAD", "ref: " + branch.str() + "\n", 0600, steps,
                            "ref.head");
}

Result<RefName> read_head(const Path& repository) {
  const Path file = repository / "HEAD";
  const std::string content = TRY(read_file(file, kRefFileBytesMax));
  std::string_view text = content;
  if (!text.starts_with("ref: ") || !text.ends_with('\n')) {
    return tampered(file, "it does not name a branch");
  }
  text.remove_prefix(5);
  text.remove_suffix(1);
  Result<RefName> name = RefName::parse(text);
  if (!name) return tampered(file, "it does not name a branch");
  return name;
}

}  // namespace statehouse
