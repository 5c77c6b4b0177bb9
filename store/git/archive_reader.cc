#include "store/git/archive_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

constexpr std::size_t kChunkBytes = 256U << 10;
constexpr std::uint64_t kPaxBytesMax = 16U << 10;

/// The text of a header's field: up to the first NUL.
std::string_view field(std::string_view header, std::size_t at, std::size_t size) {
  const std::string_view whole = header.substr(at, size);
  return whole.substr(0, whole.find('\0'));
}

std::optional<std::uint64_t> parse_octal(std::string_view text) {
  if (text.empty() || text.size() > 11) return std::nullopt;
  std::uint64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7') return std::nullopt;
    value = value << 3 | static_cast<std::uint64_t>(digit - '0');
  }
  return value;
}

struct PaxRecords {
  std::optional<std::string> path;
  std::optional<std::string> link_path;
};

/// The values by position alone; whether lengths and order are right shows when the bytes are made
/// anew.
std::optional<PaxRecords> parse_pax(std::string_view text) {
  PaxRecords records;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    if (space == 0 || space > 6) return std::nullopt;
    std::size_t length = 0;
    for (const char digit : text.substr(0, space)) {
      if (digit < '0' || digit > '9') return std::nullopt;
      length = length * 10 + static_cast<std::size_t>(digit - '0');
    }
    if (length <= space + 1 || length > text.size()) return std::nullopt;
    const std::string_view record = text.substr(space + 1, length - space - 2);
    if (record.starts_with("path=")) {
      records.path = record.substr(5);
    } else if (record.starts_with("linkpath=")) {
      records.link_path = record.substr(9);
    } else {
      return std::nullopt;
    }
    text.remove_prefix(length);
  }
  return records;
}

std::optional<FileMode> mode_of(char type, std::string_view mode) {
  if (type == '2') return FileMode::kSymlink;
  if (type != '0') return std::nullopt;
  return mode == "0000755" ? FileMode::kExecutable : FileMode::kFile;
}

class Reader {
 public:
  Reader(int fd, const ArchiveLimits& archive_limits, ArchiveVisitor& visitor)
      : fd_(fd), limits_(archive_limits), visitor_(visitor), buffer_(kChunkBytes, '\0') {}

  Result<ArchiveDigest> run() {
    for (;;) {
      const std::string block = TRY(take(kArchiveBlockBytes));
      if (is_zero(block)) break;
      TRY(read_entry(block));
    }
    const std::string last = TRY(take(kArchiveBlockBytes));
    if (!is_zero(last)) return refuse("it does not end in two empty blocks");
    const std::size_t more = TRY(read_some(1));
    if (more != 0) return refuse("something follows its end");
    digest_.sha256 = hash_.finish();
    return digest_;
  }

 private:
  static bool is_zero(std::string_view block) {
    return block.find_first_not_of('\0') == std::string_view::npos;
  }

  [[nodiscard]] std::unexpected<Error> refuse(std::string_view why) const {
    return unverified("reading an archive: " + std::string(why) + " (at byte " +
                      std::to_string(digest_.size) + ")");
  }

  Result<std::size_t> read_some(std::size_t count) {
    ssize_t got = 0;
    do {
      got = ::pread(fd_, buffer_.data(), std::min(count, buffer_.size()),
                    static_cast<off_t>(digest_.size));
    } while (got < 0 && errno == EINTR);
    if (got < 0) return std::unexpected(errno_error("reading an archive", errno));
    return static_cast<std::size_t>(got);
  }

  /// Hands `count` bytes to `use` in pieces.
  template <typename Use>
  Result<> consume(std::uint64_t count, Use&& use) {
    if (count > limits_.bytes_max || digest_.size > limits_.bytes_max - count) {
      return refuse("it has more than " + std::to_string(limits_.bytes_max) + " bytes");
    }
    while (count > 0) {
      const std::size_t got =
          TRY(read_some(static_cast<std::size_t>(std::min<std::uint64_t>(count, kChunkBytes))));
      if (got == 0) return refuse("it is cut off");
      const std::string_view piece(buffer_.data(), got);
      hash_.update(piece);
      digest_.size += got;
      count -= got;
      TRY(use(piece));
    }
    return {};
  }

  Result<std::string> take(std::uint64_t count) {
    std::string bytes;
    TRY(consume(count, [&](std::string_view piece) -> Result<> {
      bytes.append(piece);
      return {};
    }));
    return bytes;
  }

  Result<> read_entry(std::string block) {
    PaxRecords pax;
    std::string seen;
    if (block[156] == 'x') {
      const std::optional<std::uint64_t> size = parse_octal(field(block, 124, 12));
      if (!size || *size > kPaxBytesMax) return refuse("a pax header of no sensible size");
      const std::string records = TRY(take(*size));
      const std::string padding = TRY(take(archive_padding(*size).size()));
      const std::optional<PaxRecords> parsed = parse_pax(records);
      if (!parsed) return refuse("a pax header that the format does not have");
      pax = *parsed;
      seen = block + records + padding;
      block = TRY(take(kArchiveBlockBytes));
    }
    seen += block;
    const ArchiveEntry entry = TRY(parse_header(block, pax));
    if (archive_headers(entry) != seen) return refuse("a header that is not in canonical form");
    return read_content(entry);
  }

  Result<ArchiveEntry> parse_header(std::string_view block, const PaxRecords& pax) {
    const std::optional<FileMode> mode = mode_of(block[156], field(block, 100, 8));
    const std::optional<std::uint64_t> size = parse_octal(field(block, 124, 12));
    if (!mode || !size) return refuse("an entry that is neither a file nor a link");
    ArchiveEntry entry;
    entry.mode = *mode;
    entry.size = *size;
    const std::string_view prefix = field(block, 345, 155);
    entry.path = prefix.empty() ? "" : std::string(prefix) + "/";
    entry.path += field(block, 0, 100);
    if (pax.path) entry.path = *pax.path;
    if (entry.mode == FileMode::kSymlink) entry.link_target = field(block, 157, 100);
    if (pax.link_path) entry.link_target = *pax.link_path;
    if (entry.mode == FileMode::kSymlink && entry.size != 0) return refuse("a link with content");
    if (entry.mode != FileMode::kSymlink && !entry.link_target.empty()) {
      return refuse("a file with a link's target");
    }
    return entry;
  }

  Result<> read_content(const ArchiveEntry& entry) {
    if (const Result<> sound = check_archive_entry(entry); !sound) {
      return refuse(sound.error().message);
    }
    TRY(require_place(entry.path));
    if (++digest_.entries > limits_.entries_max) return refuse("it has too many entries");
    TRY(visitor_.begin(entry));
    TRY(consume(entry.size, [&](std::string_view piece) { return visitor_.content(piece); }));
    const std::string padding = TRY(take(archive_padding(entry.size).size()));
    if (!is_zero(padding)) return refuse("a file is not filled up with zeros");
    return visitor_.end();
  }

  /// Paths ascend, and no file is also a folder ("a", "a.b", "a/c").
  Result<> require_place(const std::string& path) {
    if (path <= previous_) return refuse("its paths are out of order");
    while (!files_.empty() && !path.starts_with(files_.back())) files_.pop_back();
    for (const std::string& file : files_) {
      if (path[file.size()] == '/') return refuse("a file is also a folder");
    }
    files_.push_back(path);
    previous_ = path;
    return {};
  }

  const int fd_;
  const ArchiveLimits limits_;
  ArchiveVisitor& visitor_;
  std::string buffer_;
  Sha256 hash_;
  ArchiveDigest digest_;
  std::string previous_;
  std::vector<std::string> files_;  ///< earlier files whose path begins the one at hand
};

}  // namespace

Result<ArchiveDigest> read_archive(int fd, const ArchiveLimits& archive_limits,
                                   ArchiveVisitor& visitor) {
  return Reader(fd, archive_limits, visitor).run();
}

Result<ArchiveDigest> check_archive(int fd, const ArchiveLimits& archive_limits) {
  ArchiveVisitor nothing;
  return read_archive(fd, archive_limits, nothing);
}

}  // namespace statehouse
