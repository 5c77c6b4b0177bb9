#include "store/git/pack_scan.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>

namespace statehouse {

namespace {

constexpr std::size_t kWindowBytes = 64U << 10;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kTrailerBytes = 20;
constexpr unsigned kOffsetDelta = 6;
constexpr unsigned kRefDelta = 7;

/// A file read forwards through one window.
class WindowReader {
 public:
  WindowReader(int fd, std::uint64_t start, std::uint64_t end)
      : fd_(fd), start_(start), position_(start), end_(end) {}

  /// Bytes from the start of the pack.
  [[nodiscard]] std::uint64_t offset() const { return position_ - start_; }
  [[nodiscard]] std::uint64_t left() const { return end_ - position_; }

  /// At least one byte from here on, as many as are at hand. Errors: at the end.
  Result<std::string_view> peek() {
    if (begin_ == filled_) TRY(fill());
    return std::string_view(window_.data() + begin_, filled_ - begin_);
  }

  void skip(std::size_t count) {
    begin_ += count;
    position_ += count;
  }

  Result<unsigned char> byte() {
    const std::string_view here = TRY(peek());
    skip(1);
    return static_cast<unsigned char>(here[0]);
  }

  Result<std::string> bytes(std::size_t count) {
    std::string result;
    while (result.size() < count) {
      const unsigned char next = TRY(byte());
      result += static_cast<char>(next);
    }
    return result;
  }

  [[nodiscard]] std::unexpected<Error> refuse(std::string_view why) const {
    return invalid_argument("checking the pack: " + std::string(why) + " (at byte " +
                            std::to_string(offset()) + ")");
  }

 private:
  Result<> fill() {
    if (position_ >= end_) return refuse("it is cut off");
    ssize_t got = 0;
    do {
      got = ::pread(fd_, window_.data(), std::min<std::uint64_t>(window_.size(), end_ - position_),
                    static_cast<off_t>(position_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) return std::unexpected(errno_error("reading the pack", errno));
    if (got == 0) return refuse("it is cut off");
    begin_ = 0;
    filled_ = static_cast<std::size_t>(got);
    return {};
  }

  const int fd_;
  const std::uint64_t start_;
  std::uint64_t position_;  ///< in the file
  const std::uint64_t end_;
  std::size_t begin_ = 0;
  std::size_t filled_ = 0;
  std::array<char, kWindowBytes> window_{};
};

/// One zlib stream at a time, thrown away as it inflates.
class Inflater {
 public:
  Inflater() { STATEHOUSE_ASSERT(::inflateInit(&stream_) == Z_OK); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { ::inflateEnd(&stream_); }

  /// Inflates the stream at `reader` and requires exactly `size` bytes. Returns the first of them.
  Result<std::string> inflate_exactly(WindowReader& reader, std::uint64_t size) {
    ::inflateReset(&stream_);
    std::string head;
    std::uint64_t produced = 0;
    for (int status = Z_OK; status != Z_STREAM_END;) {
      const std::string_view input = TRY(reader.peek());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
      stream_.avail_in = static_cast<uInt>(input.size());
      stream_.next_out = reinterpret_cast<Bytef*>(output_.data());
      stream_.avail_out = static_cast<uInt>(output_.size());
      status = ::inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return reader.refuse("a compressed object is damaged");
      }
      const std::size_t count = output_.size() - stream_.avail_out;
      if (head.size() < kHeadBytes) {
        head.append(output_.data(), std::min(count, kHeadBytes - head.size()));
      }
      produced += count;
      reader.skip(input.size() - stream_.avail_in);
      if (produced > size) return reader.refuse("an object is longer than it declares");
    }
    if (produced != size) return reader.refuse("an object is shorter than it declares");
    return head;
  }

 private:
  static constexpr std::size_t kHeadBytes = 20;  ///< two sizes of at most ten bytes

  z_stream stream_{};
  std::array<char, kWindowBytes> output_{};
};

/// A size as deltas write it: seven bits at a time, the lowest first.
Result<std::uint64_t> take_delta_size(std::string_view& head, const WindowReader& reader) {
  std::uint64_t size = 0;
  for (unsigned shift = 0; shift <= 56 && !head.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(head[0]);
    head.remove_prefix(1);
    size |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
    if ((byte & 0x80U) == 0) return size;
  }
  return reader.refuse("a delta has no proper header");
}

class Scanner {
 public:
  Scanner(int fd, std::uint64_t start, std::uint64_t end, const PackLimits& pack_limits)
      : reader_(fd, start, end), limits_(pack_limits) {}

  Result<PackScan> run() {
    if (reader_.left() > limits_.pack_bytes_max) return too_much("bytes", limits_.pack_bytes_max);
    TRY(read_header());
    for (std::uint64_t i = 0; i < scan_.objects; ++i) TRY(read_object());
    if (reader_.left() != kTrailerBytes) {
      return reader_.refuse("what follows the last object is not one trailer");
    }
    return std::move(scan_);
  }

 private:
  [[nodiscard]] std::unexpected<Error> too_much(std::string_view what,
                                                std::uint64_t allowed) const {
    return reader_.refuse("more than " + std::to_string(allowed) + " " + std::string(what));
  }

  Result<> read_header() {
    const std::string header = TRY(reader_.bytes(kHeaderBytes));
    if (!header.starts_with(std::string_view("PACK\0\0\0\2", 8))) {
      return reader_.refuse("it is not a pack of version 2");
    }
    for (std::size_t i = 8; i < kHeaderBytes; ++i) {
      scan_.objects = scan_.objects << 8 | static_cast<unsigned char>(header[i]);
    }
    if (scan_.objects > limits_.objects_max) return too_much("objects", limits_.objects_max);
    return {};
  }

  Result<> read_object() {
    const std::uint64_t offset = reader_.offset();
    unsigned char byte = TRY(reader_.byte());
    const unsigned type = (byte >> 4) & 7U;
    std::uint64_t size = byte & 0xFU;
    for (unsigned shift = 4; (byte & 0x80U) != 0; shift += 7) {
      if (shift > 53) return reader_.refuse("an object's size is no sensible number");
      byte = TRY(reader_.byte());
      size |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
    }
    if (size > limits_.object_bytes_max) {
      return too_much("bytes in one object", limits_.object_bytes_max);
    }
    if (type == 0 || type == 5) return reader_.refuse("an object of a type that Git does not have");
    if (type == kOffsetDelta) TRY(read_offset_base(offset));
    if (type == kRefDelta) TRY(read_ref_base(offset));
    TRY(count_inflated(size));
    const std::string head = TRY(inflater_.inflate_exactly(reader_, size));
    if (type == kOffsetDelta || type == kRefDelta) return check_delta_sizes(head);
    return {};
  }

  Result<> count_inflated(std::uint64_t size) {
    scan_.inflated_bytes += size;
    if (scan_.inflated_bytes <= limits_.inflated_bytes_max) return {};
    return too_much("bytes when inflated", limits_.inflated_bytes_max);
  }

  Result<> check_delta_sizes(std::string_view head) {
    const std::uint64_t source = TRY(take_delta_size(head, reader_));
    const std::uint64_t target = TRY(take_delta_size(head, reader_));
    if (std::max(source, target) > limits_.object_bytes_max) {
      return too_much("bytes in one object made by a delta", limits_.object_bytes_max);
    }
    return count_inflated(target);
  }

  /// A distance backwards, big-endian, where each continuation adds one (gitformat-pack(5)).
  Result<> read_offset_base(std::uint64_t offset) {
    unsigned char byte = TRY(reader_.byte());
    std::uint64_t distance = byte & 0x7FU;
    while ((byte & 0x80U) != 0) {
      if (distance > (1ULL << 48)) return reader_.refuse("a delta's base lies nowhere");
      byte = TRY(reader_.byte());
      distance = ((distance + 1) << 7) | (byte & 0x7FU);
    }
    if (distance == 0 || distance > offset - kHeaderBytes) {
      return reader_.refuse("a delta's base lies nowhere");
    }
    const std::uint64_t base = offset - distance;
    const auto at = std::lower_bound(depths_.begin(), depths_.end(), std::pair(base, 0ULL));
    const std::uint64_t depth = at != depths_.end() && at->first == base ? at->second + 1 : 1;
    if (depth > limits_.delta_depth_max)
      return too_much("deltas on deltas", limits_.delta_depth_max);
    depths_.emplace_back(offset, depth);
    scan_.offset_deltas.emplace_back(offset, base);
    return {};
  }

  Result<> read_ref_base(std::uint64_t offset) {
    const std::string base = TRY(reader_.bytes(Oid::kBytes));
    depths_.emplace_back(offset, 1);
    scan_.ref_deltas.push_back({offset, Oid::from_bytes(base)});
    return {};
  }

  WindowReader reader_;
  Inflater inflater_;
  const PackLimits limits_;
  PackScan scan_;
  /// (offset, depth) of every delta so far, ascending. REQUIRES nothing of other objects: depth 0.
  std::vector<std::pair<std::uint64_t, unsigned long long>> depths_;
};

/// A pack index of version 2 (gitformat-pack(5)): ids sorted, then checksums, then offsets.
class PackIndex {
 public:
  static Result<PackIndex> parse(std::string_view bytes) {
    PackIndex index(bytes);
    const bool has_header =
        bytes.size() >= kTables && bytes.starts_with("\377tOc") && index.u32(4) == 2;
    if (!has_header) return corrupt("reading a pack index: it is not of version 2");
    index.count_ = index.u32(kTables - 4);
    if (bytes.size() < kTables + index.count_ * (Oid::kBytes + 8) + 2 * kTrailerBytes) {
      return corrupt("reading a pack index: it is cut off");
    }
    return index;
  }

  [[nodiscard]] std::optional<std::uint64_t> offset_of(const Oid& oid) const {
    std::size_t low = 0;
    std::size_t high = count_;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      const std::string_view there = bytes_.substr(kTables + middle * Oid::kBytes, Oid::kBytes);
      if (there == oid.bytes()) return offset_at(middle);
      (there < oid.bytes() ? low : high) = there < oid.bytes() ? middle + 1 : middle;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kTables = 8 + 256 * 4;

  explicit PackIndex(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint32_t u32(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
      value = value << 8 | static_cast<unsigned char>(bytes_[i]);
    }
    return value;
  }

  /// Packs of 2 GiB and more keep large offsets elsewhere; ours are smaller, so those never match.
  [[nodiscard]] std::uint64_t offset_at(std::size_t i) const {
    return u32(kTables + count_ * (Oid::kBytes + 4) + i * 4);
  }

  std::string_view bytes_;
  std::size_t count_ = 0;
};

/// Follows chains of deltas from each delta to what is not a delta.
class ChainMeter {
 public:
  explicit ChainMeter(std::vector<std::pair<std::uint64_t, std::uint64_t>> deltas)
      : deltas_(std::move(deltas)), depths_(deltas_.size(), 0) {
    std::sort(deltas_.begin(), deltas_.end());
  }

  /// The longest chain. Errors: kInvalidArgument for a circle.
  Result<std::uint64_t> longest() {
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < deltas_.size(); ++i) {
      const std::uint64_t depth = TRY(depth_of(i));
      result = std::max(result, depth);
    }
    return result;
  }

 private:
  Result<std::uint64_t> depth_of(std::size_t start) {
    std::vector<std::size_t> way;
    std::optional<std::size_t> at = start;
    while (at && depths_[*at] == 0) {
      if (way.size() > deltas_.size()) {
        return invalid_argument("checking the pack: its deltas go in a circle");
      }
      way.push_back(*at);
      at = find(deltas_[*at].second);
    }
    std::uint64_t depth = at ? depths_[*at] : 0;
    for (std::size_t i = way.size(); i > 0; --i) depths_[way[i - 1]] = ++depth;
    return depth;
  }

  [[nodiscard]] std::optional<std::size_t> find(std::uint64_t offset) const {
    const auto at =
        std::lower_bound(deltas_.begin(), deltas_.end(), std::pair(offset, std::uint64_t{0}));
    if (at == deltas_.end() || at->first != offset) return std::nullopt;
    return static_cast<std::size_t>(at - deltas_.begin());
  }

  std::vector<std::pair<std::uint64_t, std::uint64_t>> deltas_;  ///< (offset, base), ascending
  std::vector<std::uint64_t> depths_;                            ///< 0: not known yet
};

}  // namespace

Result<PackScan> scan_pack(int fd, std::uint64_t offset, const PackLimits& pack_limits) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return std::unexpected(errno_error("reading the pack", errno));
  const auto end = static_cast<std::uint64_t>(status.st_size);
  if (offset > end) return invalid_argument("checking the pack: there is none");
  // On the heap: two windows of 64 KiB are too much for a worker's stack.
  return std::make_unique<Scanner>(fd, offset, end, pack_limits)->run();
}

Result<> require_bounded_delta_chains(const PackScan& scan, std::string_view index,
                                      std::uint64_t delta_depth_max) {
  if (scan.ref_deltas.empty()) return {};  // the scan has bounded the others
  const PackIndex names = TRY(PackIndex::parse(index));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> deltas = scan.offset_deltas;
  for (const PackScan::RefDelta& delta : scan.ref_deltas) {
    deltas.emplace_back(delta.offset, names.offset_of(delta.base).value_or(0));
  }
  const std::uint64_t longest = TRY(ChainMeter(std::move(deltas)).longest());
  if (longest <= delta_depth_max) return {};
  return invalid_argument("checking the pack: more than " + std::to_string(delta_depth_max) +
                          " deltas on deltas");
}

}  // namespace statehouse
