#include "store/ledger/high_water.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace statehouse {

namespace {

Result<std::string> fill_slot(std::string_view note) {
  if (note.size() > HighWaterFile::kSlotBytes) {
    return internal_error("writing the high-water file: the checkpoint is too long");
  }
  std::string bytes(note);
  bytes.resize(HighWaterFile::kSlotBytes, '\0');
  return bytes;
}

Result<> write_at(int fd, std::string_view bytes, std::uint64_t offset, const Path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return std::unexpected(errno_error("writing " + path.string(), errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<> sync_data(int fd, const Path& path) {
  if (::fdatasync(fd) == 0) return {};
  return std::unexpected(errno_error("syncing " + path.string(), errno));
}

}  // namespace

Result<HighWaterFile::Slots> HighWaterFile::read(const Path& path) {
  const std::string bytes = TRY(read_file(path, 2 * kSlotBytes));
  Slots slots;
  for (std::size_t i = 0; i < slots.size() && i * kSlotBytes < bytes.size(); ++i) {
    slots[i] = bytes.substr(i * kSlotBytes, kSlotBytes);
    slots[i].erase(slots[i].find_last_not_of('\0') + 1);
  }
  return slots;
}

Result<> HighWaterFile::create(const Path& path, std::string_view note, DurableSteps& steps) {
  // Both slots are there from the start, so that no later write changes the file's size.
  const std::string bytes = TRY(fill_slot(note));
  return write_file_durably(path, bytes + std::string(kSlotBytes, '\0'), 0600, steps, "high-water");
}

Result<HighWaterFile> HighWaterFile::open(Path path, std::size_t newest) {
  FileDescriptor fd = TRY(open_file(path, O_WRONLY));
  return HighWaterFile(std::move(path), std::move(fd), newest);
}

bool HighWaterFile::is_removed() const {
  struct stat status{};
  return ::fstat(fd_.get(), &status) == 0 && status.st_nlink == 0;
}

Result<> HighWaterFile::write(std::string_view note, DurableSteps& steps) {
  if (is_removed()) {
    TRY(create(path_, note, steps));
    fd_ = TRY(open_file(path_, O_WRONLY));
    newest_ = 0;
    return {};
  }
  const std::string bytes = TRY(fill_slot(note));
  const std::size_t slot = 1 - newest_;
  TRY(durable_step(steps, "high-water.write",
                   [&] { return write_at(fd_.get(), bytes, slot * kSlotBytes, path_); }));
  TRY(durable_step(steps, "high-water.sync", [&] { return sync_data(fd_.get(), path_); }));
  newest_ = slot;
  return {};
}

}  // namespace statehouse
