#include "api/service/archive_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

constexpr std::string_view kSuffix = ".tar";

/// By how much room is asked for while an archive is written.
constexpr std::uint64_t kRoomStep = 16U << 20;

/// How exactly trim() knows when an archive was last used.
constexpr std::chrono::minutes kMarkEvery{1};

struct FileState {
  std::uint64_t bytes = 0;
  std::int64_t changed_ns = 0;  ///< of content or attributes; utimensat(2) cannot set it
};

Result<FileState> state_of(const FileDescriptor& fd) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(errno_error("reading", errno));
  return FileState{static_cast<std::uint64_t>(status.st_size),
                   status.st_ctim.tv_sec * 1'000'000'000LL + status.st_ctim.tv_nsec};
}

Result<std::string> file_sha256_hex(const FileDescriptor& fd) {
  Sha256 hash;
  std::string buffer(1U << 18, '\0');
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0) return std::unexpected(errno_error("reading an archive", errno));
    if (got == 0) return hex_encode(hash.finish());
    hash.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
  }
}

Result<std::string> hash_of(const Path& file) {
  const FileDescriptor fd = TRY(open_file(file, O_RDONLY | O_NONBLOCK));
  return file_sha256_hex(fd);
}

}  // namespace

Path ArchiveCache::path_of(std::string_view hex) const {
  return directory_ / (std::string(hex) + std::string(kSuffix));
}

Result<> ArchiveCache::Room::grow(std::uint64_t bytes) {
  used_ += bytes;
  while (used_ > reserved_) {
    TRY(cache_.reserve(kRoomStep));
    reserved_ += kRoomStep;
  }
  return {};
}

Result<> ArchiveCache::reserve(std::uint64_t bytes) {
  const std::lock_guard lock(room_mutex_);
  const std::uint64_t reserved = reserved_bytes_ + bytes;
  if (!kept_bytes_ || *kept_bytes_ + reserved > bytes_max_) {
    // Somewhat more than needed, so that a full cache is not listed for every archive.
    const std::uint64_t free = std::min(bytes_max_, reserved + bytes_max_ / 16);
    kept_bytes_ = TRY(bytes_after_trim(bytes_max_ - free));
  }
  reserved_bytes_ = reserved;
  return {};
}

void ArchiveCache::give_back(std::uint64_t bytes) {
  const std::lock_guard lock(room_mutex_);
  reserved_bytes_ -= bytes;
}

Result<ArchiveDigest> ArchiveCache::build(const RepositoryName& repository, const Oid& tree) {
  const PooledRepository objects = TRY(core_.repositories.acquire(repository));
  const TemporaryDirectory scratch = TRY(TemporaryDirectory::create(scratch_, "build-"));
  const Path file = scratch.path() / "archive.tar";
  const FileDescriptor fd = TRY(open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0600));
  Room room(*this);
  const auto sink = [&](std::string_view bytes) -> Result<> {
    TRY(room.grow(bytes.size()));
    return write_all(fd.get(), bytes);
  };
  ArchiveDigest digest = TRY_WITH("building a snapshot", write_archive(*objects, tree, sink));
  // A cache: it may be lost, but a torn file must not carry the name of a whole one.
  TRY(durable_step(core_.steps, "snapshot.sync", [&] { return sync_descriptor(fd.get(), file); }));
  TRY(durable_step(core_.steps, "snapshot.rename", [&]() -> Result<> {
    const Path target = path_of(hex_encode(digest.sha256));
    if (::rename(file.c_str(), target.c_str()) != 0) {
      return std::unexpected(errno_error("keeping a snapshot", errno));
    }
    return {};
  }));
  const std::lock_guard lock(room_mutex_);
  if (kept_bytes_) *kept_bytes_ += digest.size;
  return digest;
}

Result<ArchiveDigest> ArchiveCache::digest(const RepositoryName& repository,
                                           const Oid& tree) const {
  const PooledRepository objects = TRY(core_.repositories.acquire(repository));
  return TRY_WITH("digesting a snapshot",
                  write_archive(*objects, tree, [](std::string_view) { return Result<>(); }));
}

Result<ArchiveDigest> ArchiveCache::build_once(const std::string& hex,
                                               const RepositoryName& repository, const Oid& tree) {
  {
    const std::lock_guard lock(mutex_);
    if (rebuilding_.contains(hex) || rebuilding_.size() >= kRebuildsMax) {
      return unavailable("building the snapshot of tree " + tree.hex() +
                             ": it, or too many others, are being built",
                         "ask again in a moment");
    }
    rebuilding_.insert(hex);
  }
  auto built = build(repository, tree);
  const std::lock_guard lock(mutex_);
  rebuilding_.erase(hex);
  return built;
}

Result<bool> ArchiveCache::is_good(const FileDescriptor& file, const std::string& hex,
                                   std::uint64_t bytes) {
  std::int64_t hashed_ns = 0;
  {
    const std::lock_guard lock(mutex_);
    const FileState state = TRY(state_of(file));
    if (state.bytes != bytes) return false;
    const auto known = known_.find(hex);
    if (known != known_.end() && known->second.changed_ns == state.changed_ns) {
      return mark_use(file, known->second);
    }
    hashed_ns = state.changed_ns;
  }
  const std::string found = TRY(file_sha256_hex(file));
  if (found != hex) return false;
  const std::lock_guard lock(mutex_);
  const FileState state = TRY(state_of(file));
  // Changed while it was hashed, or by another opening's mark of a use: the next look decides.
  if (state.changed_ns != hashed_ns) return true;
  Known& known = known_[hex];
  known.changed_ns = hashed_ns;
  return mark_use(file, known);
}

/// trim() looks at the mark. It changes the file's status too, so no other opening may look at the
/// file between the mark and the memory of it. REQUIRES: mutex_ is held; the file is as `known`
/// says.
Result<bool> ArchiveCache::mark_use(const FileDescriptor& file, Known& known) {
  const auto now = std::chrono::steady_clock::now();
  if (known.marked && now < *known.marked + kMarkEvery) return true;
  ::futimens(file.get(), nullptr);
  const FileState state = TRY(state_of(file));
  known.changed_ns = state.changed_ns;
  known.marked = now;
  return true;
}

void ArchiveCache::forget(std::string_view name) {
  const std::lock_guard lock(mutex_);
  known_.erase(std::string(name.substr(0, name.size() - std::min(name.size(), kSuffix.size()))));
}

Result<std::shared_ptr<const FileDescriptor>> ArchiveCache::open(const RepositoryName& repository,
                                                                 const Oid& tree,
                                                                 std::string_view digest_text,
                                                                 std::uint64_t bytes) {
  const std::string hex(digest_text.substr(std::string_view("sha256:").size()));
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto fd = open_file(path_of(hex), O_RDONLY);
    if (fd) {
      const bool good = TRY(is_good(*fd, hex, bytes));
      if (good) return std::make_shared<const FileDescriptor>(*std::move(fd));
      core_.alarms.raise("snapshot", hex,
                         "a cached archive was not what it should be; built again");
    } else if (fd.error().code != ErrorCode::kNotFound) {
      return std::unexpected(std::move(fd).error());
    }
    const ArchiveDigest built = TRY(build_once(hex, repository, tree));
    if (hex_encode(built.sha256) != hex) break;
  }
  return corrupt("building the snapshot of tree " + tree.hex() +
                 ": the objects give another archive than the one that was stated");
}

Result<> ArchiveCache::trim(std::uint64_t bytes_max) {
  const std::lock_guard lock(room_mutex_);
  kept_bytes_ = TRY(bytes_after_trim(bytes_max));
  return {};
}

/// REQUIRES: room_mutex_ is held.
Result<std::uint64_t> ArchiveCache::bytes_after_trim(std::uint64_t bytes_max) {
  struct Kept {
    std::int64_t used_ns;
    std::uint64_t bytes;
    Path path;
  };
  std::vector<Kept> files;
  std::uint64_t total = 0;
  const std::vector<std::string> names = TRY(list_directory(directory_));
  for (const std::string& name : names) {
    struct stat status{};
    const Path path = directory_ / name;
    if (::stat(path.c_str(), &status) != 0) continue;  // removed meanwhile
    // A use is marked by the modification time: access times may be switched off.
    const std::int64_t used_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
    files.push_back({used_ns, static_cast<std::uint64_t>(status.st_size), path});
    total += files.back().bytes;
  }
  std::ranges::sort(files, {}, &Kept::used_ns);
  for (const Kept& file : files) {
    if (total <= bytes_max) break;
    TRY(remove_tree(file.path));
    forget(file.path.filename().string());
    total -= file.bytes;
  }
  return total;
}

Result<ArchiveCache::Checked> ArchiveCache::check_all() {
  Checked checked;
  const std::vector<std::string> names = TRY(list_directory(directory_));
  for (const std::string& name : names) {
    const Path path = directory_ / name;
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) continue;  // removed meanwhile
    if (!S_ISREG(status.st_mode)) {
      checked.strange.push_back(name + ": it is no regular file");
      continue;
    }
    if (!name.ends_with(kSuffix)) continue;
    ++checked.files;
    const auto hex = hash_of(path);
    if (!hex && hex.error().code == ErrorCode::kNotFound) continue;
    if (!hex) {
      checked.strange.push_back(name + ": " + hex.error().message);
      continue;
    }
    if (*hex + std::string(kSuffix) == name) continue;
    ::unlink(path.c_str());
    forget(name);
    ++checked.removed;
  }
  return checked;
}

}  // namespace statehouse
