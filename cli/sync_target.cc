#include "cli/sync_target.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <vector>

#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPending = "exec-pending";
constexpr std::uint64_t kPendingBytesMax = 200;
constexpr mode_t kPendingMode = 0644;
constexpr mode_t kTreeMode = 0755;

/// The version in "<version>-<tree>"; none for any other name.
std::optional<std::uint64_t> version_in(const std::string& name) {
  constexpr std::size_t kTreeDigits = 40;
  std::uint64_t version = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  const auto rest = static_cast<std::size_t>(stop - name.data());
  if (error != std::errc() || rest == 0 || name.size() != rest + 1 + kTreeDigits) return {};
  return name[rest] == '-' ? std::optional(version) : std::nullopt;
}

Result<> rename_path(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return std::unexpected(errno_error("renaming to " + escape_for_message(to.string()), errno));
}

Result<> require_usable(const Path& link, const Path& versions) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(link, error);
  if (status.type() == fs::file_type::not_found) return {};
  if (status.type() == fs::file_type::symlink) {
    const Path shown = fs::read_symlink(link, error);
    if (!error && shown.parent_path() == versions.filename()) return {};
  }
  if (status.type() == fs::file_type::directory && fs::is_empty(link, error) && !error) return {};
  return conflict(escape_for_message(link.string()) + " exists and was not made by sync",
                  "give --into a new folder, or an empty one");
}

}  // namespace

std::string sync_tree_name(std::uint64_t version, const std::string& tree) {
  return std::to_string(version) + "-" + tree;
}

Result<SyncTarget> SyncTarget::open(Path link, DurableSteps& steps) {
  link = link.lexically_normal();
  if (!link.has_filename()) link = link.parent_path();
  Path versions(link.string() + ".versions");
  TRY(require_usable(link, versions));
  TRY(make_directories(link.parent_path()));
  std::error_code error;
  fs::create_directory(versions, error);
  // Other users (the reconciler) read the trees below.
  if (!error) fs::permissions(versions, static_cast<fs::perms>(kTreeMode), error);
  if (error) {
    return std::unexpected(
        errno_error("creating " + escape_for_message(versions.string()), error.value()));
  }
  TRY(sync_directory(link.parent_path()));
  FileLock lock = TRY_WITH("another sync into this folder", FileLock::acquire(versions / ".lock"));
  SyncTarget target(std::move(link), std::move(versions), std::move(lock), steps);
  TRY(target.remove_leftovers());
  return target;
}

Result<> SyncTarget::remove_leftovers() const {
  const auto names = TRY(list_directory(versions_));
  for (const std::string& name : names) {
    if (name.starts_with(".incoming-") || name == ".link") TRY(remove_tree(versions_ / name));
  }
  return {};
}

Result<std::optional<std::string>> SyncTarget::current() const {
  std::error_code error;
  const Path shown = fs::read_symlink(link_, error);
  if (error) return std::nullopt;  // absent, or the empty folder it may start as
  std::string name = shown.filename().string();
  if (!version_in(name) || !has(name)) return std::nullopt;
  return name;
}

bool SyncTarget::was_swapped() const {
  std::error_code error;
  return fs::is_symlink(link_, error);
}

bool SyncTarget::has(const std::string& name) const {
  std::error_code error;
  return version_in(name) &&
         fs::symlink_status(versions_ / name, error).type() == fs::file_type::directory;
}

Result<TemporaryDirectory> SyncTarget::create_incoming() const {
  return TemporaryDirectory::create(versions_, ".incoming-");
}

Result<> SyncTarget::keep(const Path& incoming, const std::string& name) {
  std::error_code error;
  fs::permissions(incoming, static_cast<fs::perms>(kTreeMode), error);
  if (error) return std::unexpected(errno_error("opening up the new tree", error.value()));
  return durable_step(*steps_, "sync.keep", [&]() -> Result<> {
    TRY(sync_directory(incoming));
    TRY(remove_tree(versions_ / name));
    TRY(rename_path(incoming, versions_ / name));
    return sync_directory(versions_);
  });
}

Result<> SyncTarget::swap(const std::string& name) {
  const Path fresh = versions_ / ".link";
  TRY(remove_tree(fresh));
  std::error_code error;
  fs::create_directory_symlink(versions_.filename() / name, fresh, error);
  if (error) return std::unexpected(errno_error("creating a link", error.value()));
  // Only a real, empty folder is removed: rmdir(2) refuses links and anything with content.
  if (::rmdir(link_.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
    return std::unexpected(errno_error("replacing " + escape_for_message(link_.string()), errno));
  }
  TRY(durable_step(*steps_, "sync.swap", [&] { return rename_path(fresh, link_); }));
  return durable_step(*steps_, "sync.sync-directory",
                      [&] { return sync_directory(link_.parent_path()); });
}

Result<> SyncTarget::prune(std::size_t others_max) {
  const auto shown = TRY(current());
  const auto names = TRY(list_directory(versions_));
  std::vector<std::pair<std::uint64_t, std::string>> others;
  for (const std::string& name : names) {
    const auto version = version_in(name);
    if (version && name != shown) others.emplace_back(*version, name);
  }
  std::sort(others.rbegin(), others.rend());
  for (std::size_t i = others_max; i < others.size(); ++i) {
    TRY(remove_tree(versions_ / others[i].second));
  }
  return {};
}

Result<std::optional<std::string>> SyncTarget::pending_exec() const {
  auto name = read_file(versions_ / kPending, kPendingBytesMax);
  if (name) return std::optional(*std::move(name));
  if (name.error().code == ErrorCode::kNotFound) return std::nullopt;
  return std::unexpected(name.error());
}

Result<> SyncTarget::set_pending_exec(const std::string& name) {
  return write_file_durably(versions_ / kPending, name, kPendingMode, *steps_, "sync.pending");
}

Result<> SyncTarget::clear_pending_exec() {
  TRY(remove_tree(versions_ / kPending));
  return sync_directory(versions_);
}

}  // namespace statehouse
