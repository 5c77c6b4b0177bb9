#include "store/git/archive_entry.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "crypto/base/encoding.h"
#include "store/git/object_rules.h"
#include "store/model/name.h"

namespace statehouse {

namespace {

constexpr std::size_t kNameBytesMax = 100;
constexpr std::size_t kPrefixBytesMax = 155;

/// The fields of a header (POSIX.1-2017, pax, "ustar Interchange Format"), 512 bytes, zero-filled.
struct Header {
  std::array<char, 100> name;
  std::array<char, 8> mode;
  std::array<char, 8> uid;
  std::array<char, 8> gid;
  std::array<char, 12> size;
  std::array<char, 12> mtime;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link_name;
  std::array<char, 8> magic_and_version;
  std::array<char, 32> uname;
  std::array<char, 32> gname;
  std::array<char, 16> device;
  std::array<char, 155> prefix;
  std::array<char, 12> unused;
};
static_assert(sizeof(Header) == kArchiveBlockBytes);

template <std::size_t Size>
void put(std::array<char, Size>& field, std::string_view text) {
  std::copy_n(text.begin(), std::min(Size, text.size()), field.begin());
}

/// `digits` octal digits; the rest of the field stays NUL.
template <std::size_t Size>
void put_octal(std::array<char, Size>& field, std::uint64_t value, std::size_t digits) {
  for (std::size_t i = digits; i > 0; --i) {
    field[i - 1] = static_cast<char>('0' + (value & 7U));
    value >>= 3;
  }
}

std::string header_bytes(Header header) {
  header.checksum.fill(' ');
  std::string bytes(kArchiveBlockBytes, '\0');
  std::memcpy(bytes.data(), &header, bytes.size());
  unsigned sum = 0;
  for (const char byte : bytes) sum += static_cast<unsigned char>(byte);
  put_octal(header.checksum, sum, 6);
  header.checksum[6] = '\0';
  std::memcpy(bytes.data(), &header, bytes.size());
  return bytes;
}

Header blank_header(char type, std::uint64_t mode, std::uint64_t size) {
  Header header{};
  put_octal(header.mode, mode, 7);
  put_octal(header.uid, 0, 7);
  put_octal(header.gid, 0, 7);
  put_octal(header.size, size, 11);
  put_octal(header.mtime, 0, 11);
  header.type = type;
  put(header.magic_and_version, std::string_view("ustar\0"
                                                 "00",
                                                 8));
  return header;
}

/// The "/" at which a path is split into prefix and name; 0 when the name alone is enough; npos
/// when nothing fits.
std::size_t split_point(std::string_view path) {
  if (path.size() <= kNameBytesMax) return 0;
  const std::size_t slash = path.rfind('/', kPrefixBytesMax);
  if (slash == std::string_view::npos || slash == 0) return std::string_view::npos;
  return path.size() - slash - 1 <= kNameBytesMax ? slash : std::string_view::npos;
}

/// "LENGTH name=value\n", where LENGTH counts itself.
std::string pax_record(std::string_view name, std::string_view value) {
  const std::size_t rest = name.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (rest + std::to_string(length).size() != length) {
    length = rest + std::to_string(length).size();
  }
  return std::to_string(length) + " " + std::string(name) + "=" + std::string(value) + "\n";
}

std::string pax_block(const std::string& records) {
  Header header = blank_header('x', 0644, records.size());
  put(header.name, "pax");
  return header_bytes(header) + records + std::string(archive_padding(records.size()));
}

}  // namespace

std::string archive_headers(const ArchiveEntry& entry) {
  const bool is_link = entry.mode == FileMode::kSymlink;
  const std::uint64_t file_mode = entry.mode == FileMode::kExecutable ? 0755 : 0644;
  Header header = blank_header(is_link ? '2' : '0', is_link ? 0777 : file_mode, entry.size);
  std::string records;
  if (entry.link_target.size() > kNameBytesMax) {
    records += pax_record("linkpath", entry.link_target);
  }
  put(header.link_name, entry.link_target);
  const std::size_t split = split_point(entry.path);
  if (split == std::string_view::npos) records += pax_record("path", entry.path);
  if (split == std::string_view::npos || split == 0) {
    put(header.name, entry.path);
  } else {
    put(header.prefix, std::string_view(entry.path).substr(0, split));
    put(header.name, std::string_view(entry.path).substr(split + 1));
  }
  return (records.empty() ? std::string() : pax_block(records)) + header_bytes(header);
}

Result<> check_archive_entry(const ArchiveEntry& entry) {
  const std::string shown = escape_for_message(entry.path);
  if (!TreePath::parse(entry.path)) return invalid_argument(shown + ": it is not a path");
  if (entry.mode != FileMode::kSymlink) return {};
  if (const auto finding = check_symlink_target(entry.link_target)) {
    return invalid_argument(shown + ": " + finding->reason);
  }
  const auto depth = std::count(entry.path.begin(), entry.path.end(), '/');
  if (symlink_climb(entry.link_target) > static_cast<std::size_t>(depth)) {
    return invalid_argument(shown + ": the link leaves the root");
  }
  return {};
}

std::string_view archive_padding(std::uint64_t size) {
  static constexpr std::array<char, kArchiveBlockBytes> kZeros{};
  const std::size_t beyond = size % kArchiveBlockBytes;
  return {kZeros.data(), beyond == 0 ? 0 : kArchiveBlockBytes - beyond};
}

}  // namespace statehouse
