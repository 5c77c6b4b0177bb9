#include "store/git/quarantine.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "store/git/git_process.h"

namespace statehouse {

namespace {

constexpr std::uint64_t kIndexBytesMax = 64 * limits::kPackObjectsMax;

/// The folder that git reads and writes objects in, and the one it only reads.
std::vector<std::pair<std::string, std::string>> object_folders(const Path& quarantine,
                                                                const Path& repository) {
  return {{"GIT_OBJECT_DIRECTORY", quarantine.string()},
          {"GIT_QUARANTINE_PATH", quarantine.string()},
          {"GIT_ALTERNATE_OBJECT_DIRECTORIES", quote_alternate(repository / "objects")}};
}

constexpr std::size_t kNamedObjectsMax = 8;

/// The object ids among git's words: whole runs of 40 hexadecimal digits, the last ones first.
std::vector<Oid> named_objects(std::string_view words) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::vector<Oid> named;
  while (named.size() < kNamedObjectsMax) {
    const std::size_t last = words.find_last_of(kDigits);
    if (last == std::string_view::npos) break;
    const std::size_t before = words.find_last_not_of(kDigits, last);
    const std::size_t first = before == std::string_view::npos ? 0 : before + 1;
    const auto oid = Oid::parse(words.substr(first, last + 1 - first));
    if (oid) named.push_back(*oid);
    words = words.substr(0, first);
  }
  return named;
}

/// Lists what is reachable from `tips` and not from `excluded`, asking the objects alone: a
/// commit-graph file could claim a history that they do not have.
GitCommand rev_list(const Path& quarantine, const Path& repository, std::string_view output,
                    std::span<const Oid> tips, std::span<const Oid> excluded) {
  GitCommand command;
  command.repository = repository;
  command.configuration = {"core.commitGraph=false", "core.multiPackIndex=false"};
  command.arguments = {"rev-list", "--objects", std::string(output), "--stdin"};
  command.environment = object_folders(quarantine, repository);
  std::string input;
  for (const Oid& tip : tips) input += tip.hex() + "\n";
  for (const Oid& tip : excluded) input += "^" + tip.hex() + "\n";
  command.stdin_bytes = std::move(input);
  return command;
}

/// A descriptor whose position is the start of the pack. git gets its own open file description:
/// sharing the caller's would move its position.
Result<FileDescriptor> open_input(const PackInput& pack, const Path& folder) {
  if (pack.fd < 0) {
    FileDescriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file.valid()) return std::unexpected(errno_error("keeping the pack", errno));
    TRY(write_all(file.get(), pack.bytes));
    ::lseek(file.get(), 0, SEEK_SET);
    return file;
  }
  const std::string path = "/proc/self/fd/" + std::to_string(pack.fd);
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::unexpected(errno_error("reading the pack", errno));
  if (::lseek(file.get(), static_cast<off_t>(pack.offset), SEEK_SET) < 0) {
    return std::unexpected(errno_error("reading the pack", errno));
  }
  return file;
}

}  // namespace

Result<> PublishedObjects::remove() {
  // The index first: a pack without one is not looked at, an index without its pack is an error.
  for (std::size_t i = files_.size(); i > 0; --i) {
    if (::unlink(files_[i - 1].c_str()) != 0 && errno != ENOENT) {
      return std::unexpected(errno_error("removing " + files_[i - 1].string(), errno));
    }
  }
  if (files_.empty()) return {};
  TRY(sync_directory(files_.front().parent_path()));
  files_.clear();
  return {};
}

Result<Quarantine> Quarantine::ingest(RepositoryStore& store, const RepositoryName& repository,
                                      const std::optional<PackInput>& pack,
                                      const IngestLimits& ingest_limits) {
  if (!store.exists(repository)) {
    return not_found("receiving objects: there is no repository " + repository.str());
  }
  const Path path = store.path(repository);
  TRY(require_sound_layout(path));
  TemporaryDirectory directory = TRY(TemporaryDirectory::create(path / "objects", "incoming-"));
  TRY(make_directories(directory.path() / "pack"));
  Quarantine quarantine(path, std::move(directory));
  if (pack) TRY(quarantine.index_pack(*pack, ingest_limits));
  auto graph = std::make_shared<CommitGraph>(store.graph(repository));
  std::unique_ptr<GitRepository> view =
      TRY(GitRepository::open(quarantine.directory_.path(), path / "objects", std::move(graph)));
  quarantine.view_ = std::move(view);
  return quarantine;
}

/// Why git failed. What it stumbled over may be an object of the repository itself: that is no
/// fault of the pusher's, and nor is a limit of ours or a full disk.
std::unexpected<Error> Quarantine::refusal(std::string_view doing,
                                           const SubprocessResult& result) const {
  std::string message = describe_git_failure(doing, result);
  const bool disk_full = result.stderr_bytes.find("No space left") != std::string::npos;
  if (result.timed_out || result.signal != 0 || disk_full) return unavailable(std::move(message));
  const auto own =
      GitRepository::open(repository_ / "objects", {}, std::make_shared<CommitGraph>());
  if (!own) return std::unexpected(own.error());
  for (const Oid& oid : named_objects(result.stderr_bytes)) {
    const auto object = (*own)->read_object(oid);
    if (object || object.error().code != ErrorCode::kCorrupt) continue;
    return corrupt(std::string(doing) + ": " + object.error().message, "run statehouse fsck");
  }
  return invalid_argument(std::move(message));
}

Result<> Quarantine::index_pack(const PackInput& pack, const IngestLimits& ingest_limits) {
  const FileDescriptor input = TRY(open_input(pack, directory_.path()));
  const std::uint64_t offset = pack.fd < 0 ? 0 : pack.offset;
  const PackScan scan = TRY(scan_pack(input.get(), offset, ingest_limits.pack));
  if (scan.objects == 0) return {};
  TRY(run_index_pack(input.get(), ingest_limits));
  const Path index = directory_.path() / "pack" / (pack_name_ + ".idx");
  const std::string names = TRY(read_file(index, kIndexBytesMax));
  return require_bounded_delta_chains(scan, names, ingest_limits.pack.delta_depth_max);
}

Result<> Quarantine::run_index_pack(int fd, const IngestLimits& ingest_limits) {
  GitCommand command;
  command.repository = repository_;
  // Nothing is synced by git: make_durable does it, under names that tests can break.
  command.configuration = {"core.fsync=none", "pack.writeReverseIndex=false", "pack.threads=1",
                           "core.deltaBaseCacheLimit=32m", "core.bigFileThreshold=16m"};
  command.arguments = {"index-pack", "--stdin", "--strict", "--threads=1",
                       "--max-input-size=" + std::to_string(ingest_limits.pack.pack_bytes_max)};
  if (ingest_limits.thin) command.arguments.emplace_back("--fix-thin");
  command.environment = object_folders(directory_.path(), repository_);
  command.stdin_fd = fd;
  command.memory_bytes_max = ingest_limits.memory_bytes_max;
  command.cpu_max = ingest_limits.cpu_max;
  command.time_max = ingest_limits.time_max;
  const SubprocessResult result = TRY(run_git(command));
  if (!result.succeeded()) return refusal("checking the pack", result);
  // "pack\t<hex>\n"
  std::string_view line = result.stdout_bytes;
  if (!line.starts_with("pack\t") || !line.ends_with('\n')) {
    return internal_error("checking the pack: git gave an answer we do not understand");
  }
  line = line.substr(5, line.size() - 6);
  const Oid name = TRY(Oid::parse(line));
  pack_name_ = "pack-" + name.hex();
  return {};
}

Result<> Quarantine::require_connected(std::span<const Oid> new_tips,
                                       std::span<const Oid> ledger_tips) const {
  for (const Oid& tip : new_tips) {
    if (!view_->has_object(tip)) {
      return invalid_argument("checking connectivity: object " + tip.hex() + " was not sent");
    }
  }
  for (const Oid& tip : ledger_tips) {
    if (!view_->has_object(tip)) {
      return corrupt(
          "checking connectivity: object " + tip.hex() + " of an accepted version is gone",
          "run statehouse fsck");
    }
  }
  const SubprocessResult result =
      TRY(run_git(rev_list(directory_.path(), repository_, "--quiet", new_tips, ledger_tips)));
  if (!result.succeeded()) return refusal("checking connectivity", result);
  return {};
}

Result<> Quarantine::require_brought(std::span<const Oid> new_tips,
                                     std::span<const Oid> readable_tips) const {
  // Without the repository's objects: what is found here was sent.
  const std::unique_ptr<GitRepository> sent =
      TRY(GitRepository::open(directory_.path(), {}, std::make_shared<CommitGraph>()));
  std::string pending;
  const auto require_sent = [&](std::string_view bytes) -> Result<> {
    pending.append(bytes);
    std::size_t start = 0;
    for (std::size_t end = 0; (end = pending.find('\n', start)) != std::string::npos;
         start = end + 1) {
      const Oid oid = TRY(Oid::parse(std::string_view(pending).substr(start, end - start)));
      if (sent->has_object(oid)) continue;
      return invalid_argument("checking connectivity: object " + oid.hex() + " was not sent",
                              "fetch, then push again");
    }
    pending.erase(0, start);
    return {};
  };
  const SubprocessResult result = TRY(run_git(
      rev_list(directory_.path(), repository_, "--no-object-names", new_tips, readable_tips),
      require_sent));
  if (!result.succeeded()) return refusal("checking connectivity", result);
  return {};
}

Result<PublishedObjects> Quarantine::make_durable(DurableSteps& steps) {
  if (pack_name_.empty()) return PublishedObjects();
  const Path from = directory_.path() / "pack" / pack_name_;
  TRY(durable_step(steps, "objects.pack-sync", [&]() -> Result<> {
    TRY(sync_file(from.string() + ".pack"));
    return sync_file(from.string() + ".idx");
  }));
  std::vector<Path> published;
  TRY(durable_step(steps, "objects.move", [&] { return move_pack(published); }));
  TRY(durable_step(steps, "objects.sync-directory", [&]() -> Result<> {
    TRY(sync_directory(repository_ / "objects" / "pack"));
    return sync_directory(repository_ / "objects");
  }));
  return PublishedObjects(std::move(published));
}

/// Links rather than renames, so that this quarantine's view stays whole; never over a file that is
/// there: an equal name is an equal pack, on which an earlier version may rest. The index comes
/// last: it is what makes the pack visible.
Result<> Quarantine::move_pack(std::vector<Path>& published) const {
  for (const char* suffix : {".pack", ".idx"}) {
    const Path from = directory_.path() / "pack" / (pack_name_ + suffix);
    const Path to = repository_ / "objects" / "pack" / (pack_name_ + suffix);
    if (::link(from.c_str(), to.c_str()) == 0) {
      published.push_back(to);
    } else if (errno != EEXIST) {
      return std::unexpected(errno_error("moving " + pack_name_ + suffix, errno));
    }
  }
  return {};
}

}  // namespace statehouse
