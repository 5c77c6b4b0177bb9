#include "store/git/repository_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "crypto/base/encoding.h"
#include "store/git/ref_files.h"

namespace statehouse {

namespace {

constexpr std::size_t kIdleHandlesMax = 8;
constexpr std::string_view kSuffix = ".git";
constexpr std::string_view kQuarantinePrefix = "incoming-";

/// Written once, by us; no value that a user chose is ever stored in a Git configuration.
constexpr std::string_view kConfiguration =
    "[core]\n"
    "\trepositoryformatversion = 0\n"
    "\tfilemode = true\n"
    "\tbare = true\n"
    "\tlogAllRefUpdates = false\n"
    "\thooksPath = /dev/null\n"
    "[gc]\n"
    "\tauto = 0\n"
    "[receive]\n"
    "\tautogc = false\n"
    "\tfsckObjects = true\n";

std::unexpected<Error> unsound(const Path& path, std::string_view why) {
  return corrupt("opening " + escape_for_message(path.string()) + ": " + std::string(why),
                 "the store never makes this: find out who did");
}

Result<> require_kind(const Path& path, mode_t kind, std::string_view name) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    return unsound(path, "it cannot be read");
  }
  if ((status.st_mode & S_IFMT) != kind) return unsound(path, "it is not a " + std::string(name));
  return {};
}

Result<> rename_new(const Path& from, const Path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    return std::unexpected(errno_error("creating " + to.string(), errno));
  }
  return {};
}

/// mkdir -p of the folders between `base` and `path`, each durable.
Result<> create_parents_durably(const Path& base, const Path& relative) {
  Path path = base;
  for (const Path& part : relative) {
    path /= part;
    const Result<> created = create_directory_durably(path);
    if (!created && created.error().code != ErrorCode::kConflict) return created;
  }
  return {};
}

Result<> build_repository(const Path& folder, const RefName& default_branch, DurableSteps& steps) {
  for (const char* name :
       {"objects", "objects/pack", "objects/info", "refs", "refs/heads", "refs/tags"}) {
    TRY(create_directory_durably(folder / name));
  }
  const std::string head = "ref: " + default_branch.str() + "\n";
  TRY(write_file_durably(folder / "HEAD", head, 0600, steps, "repository.head"));
  return write_file_durably(folder / "config", kConfiguration, 0600, steps, "repository.config");
}

/// Looks for repositories below `folder`; a component of a name is also a folder of names.
Result<> list_into(const Path& folder, const std::string& prefix,
                   std::vector<RepositoryName>& names) {
  const std::vector<std::string> entries = TRY(list_directory(folder));
  for (const std::string& entry : entries) {
    TRY(require_kind(folder / entry, S_IFDIR, "folder"));
    if (!entry.ends_with(kSuffix)) {
      TRY(list_into(folder / entry, prefix + entry + "/", names));
      continue;
    }
    const std::string text = prefix + entry.substr(0, entry.size() - kSuffix.size());
    Result<RepositoryName> name = RepositoryName::parse(text);
    if (!name) return unsound(folder / entry, "its name is no repository's");
    names.push_back(*std::move(name));
  }
  return {};
}

}  // namespace

Result<> require_sound_layout(const Path& repository) {
  for (const char* name : {"", "objects", "objects/pack", "refs"}) {
    TRY(require_kind(*name == 0 ? repository : repository / name, S_IFDIR, "folder"));
  }
  for (const char* name : {"HEAD", "config"}) {
    TRY(require_kind(repository / name, S_IFREG, "regular file"));
  }
  for (const char* name : {"objects/info/alternates", "objects/info/http-alternates", "shallow",
                           "info/grafts", "commondir", "worktrees", "config.worktree"}) {
    struct stat status{};
    if (::lstat((repository / name).c_str(), &status) == 0) {
      return unsound(repository / name, "it changes which objects and settings the repository has");
    }
  }
  return {};
}

PooledRepository& PooledRepository::operator=(PooledRepository&& other) noexcept {
  std::swap(store_, other.store_);
  std::swap(name_, other.name_);
  std::swap(repository_, other.repository_);
  return *this;
}

PooledRepository::~PooledRepository() {
  if (repository_ != nullptr) store_->give_back(name_, std::move(repository_));
}

Result<std::unique_ptr<RepositoryStore>> RepositoryStore::open(const GitLibrary& /*library*/,
                                                               Path data) {
  TRY(GitLibrary::check());
  for (const char* name : {"repositories", "tmp"}) {
    const Result<> created = create_directory_durably(data / name);
    if (!created && created.error().code != ErrorCode::kConflict) {
      return std::unexpected(created.error());
    }
  }
  return std::unique_ptr<RepositoryStore>(new RepositoryStore(std::move(data)));
}

Result<> RepositoryStore::create(const RepositoryName& name, const RefName& default_branch,
                                 DurableSteps& steps) {
  if (exists(name)) return conflict("creating repository " + name.str() + ": it exists");
  const TemporaryDirectory scratch = TRY(TemporaryDirectory::create(data_ / "tmp", "repository-"));
  const Path built = scratch.path() / "new.git";
  TRY(create_directory_durably(built));
  TRY(build_repository(built, default_branch, steps));
  const Path place = path(name);
  TRY(create_parents_durably(data_ / "repositories", Path(name.str()).parent_path()));
  TRY(durable_step(steps, "repository.rename", [&] { return rename_new(built, place); }));
  return durable_step(steps, "repository.sync-directory",
                      [&] { return sync_directory(place.parent_path()); });
}

Result<std::vector<RepositoryName>> RepositoryStore::list() const {
  std::vector<RepositoryName> names;
  TRY(list_into(data_ / "repositories", "", names));
  std::sort(names.begin(), names.end());
  return names;
}

bool RepositoryStore::exists(const RepositoryName& name) const {
  struct stat status{};
  return ::lstat(path(name).c_str(), &status) == 0;
}

Result<PooledRepository> RepositoryStore::acquire(const RepositoryName& name) {
  {
    const std::lock_guard lock(mutex_);
    std::vector<std::unique_ptr<GitRepository>>& idle = shared_[name].idle;
    if (!idle.empty()) {
      std::unique_ptr<GitRepository> repository = std::move(idle.back());
      idle.pop_back();
      return PooledRepository(*this, name, std::move(repository));
    }
  }
  std::unique_ptr<GitRepository> opened = TRY(open_fresh(name));
  return PooledRepository(*this, name, std::move(opened));
}

Result<std::unique_ptr<GitRepository>> RepositoryStore::open_fresh(const RepositoryName& name) {
  if (!exists(name)) return not_found("opening repository " + name.str() + ": there is none");
  TRY(require_sound_layout(path(name)));
  return GitRepository::open(path(name) / "objects", {}, graph(name));
}

Path RepositoryStore::path(const RepositoryName& name) const {
  return data_ / "repositories" / (name.str() + std::string(kSuffix));
}

std::shared_ptr<CommitGraph> RepositoryStore::graph(const RepositoryName& name) {
  const std::lock_guard lock(mutex_);
  return shared_[name].graph;
}

void RepositoryStore::give_back(const RepositoryName& name,
                                std::unique_ptr<GitRepository> repository) {
  const std::lock_guard lock(mutex_);
  std::vector<std::unique_ptr<GitRepository>>& idle = shared_[name].idle;
  if (idle.size() < kIdleHandlesMax) idle.push_back(std::move(repository));
}

Result<> RepositoryStore::remove_leftovers(const RepositoryName& name) {
  const Path objects = path(name) / "objects";
  const std::vector<std::string> entries = TRY(list_directory(objects));
  for (const std::string& entry : entries) {
    const bool is_fan_out = entry.size() == 2;
    if (entry.starts_with(kQuarantinePrefix) || entry.starts_with("tmp_")) {
      TRY(remove_tree(objects / entry));
    }
    if (!is_fan_out && entry != "pack") continue;
    const std::vector<std::string> files = TRY(list_directory(objects / entry));
    for (const std::string& file : files) {
      const bool is_temporary = file.starts_with("tmp_") || file.find(".tmp-") != std::string::npos;
      if (is_temporary) TRY(remove_tree(objects / entry / file));
    }
  }
  TRY(remove_stale_ref_locks(path(name)));
  return {};
}

}  // namespace statehouse
