#include "store/git/packed_refs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

constexpr std::uint64_t kPackedRefsBytesMax = 256ULL << 20;
constexpr std::size_t kHexBytes = 2 * Oid::kBytes;

struct PackedRef {
  RefName ref;
  Oid oid;
};

std::unexpected<Error> bad_line(std::size_t number) {
  return corrupt("reading packed-refs: line " + std::to_string(number) + " is not a ref");
}

/// A line "<id> <ref>"; none for comments and for the "^<id>" of a tag above.
Result<std::optional<PackedRef>> parse_line(std::string_view line, std::size_t number) {
  if (line.starts_with('#')) return std::nullopt;
  if (line.starts_with('^')) {
    if (!Oid::parse(line.substr(1))) return bad_line(number);
    return std::nullopt;
  }
  if (line.size() < kHexBytes + 2 || line[kHexBytes] != ' ') return bad_line(number);
  const Result<Oid> oid = Oid::parse(line.substr(0, kHexBytes));
  Result<RefName> ref = RefName::parse(line.substr(kHexBytes + 1));
  if (!oid || !ref) return bad_line(number);
  return PackedRef{*std::move(ref), *oid};
}

Result<std::string> read_packed(const Path& repository) {
  const Path file = repository / "packed-refs";
  struct stat status{};
  if (::lstat(file.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::string();
    return std::unexpected(errno_error("reading packed-refs", errno));
  }
  if (!S_ISREG(status.st_mode)) return corrupt("reading packed-refs: it is not a regular file");
  return read_file(file, kPackedRefsBytesMax);
}

/// Calls `visit(line with its newline, the ref on it or none)` for each line.
template <typename Visit>
Result<> for_each_line(std::string_view text, Visit&& visit) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t newline = text.find('\n');
    if (newline == std::string_view::npos) return bad_line(number);
    const std::optional<PackedRef> ref = TRY(parse_line(text.substr(0, newline), number));
    TRY(visit(text.substr(0, newline + 1), ref));
    text.remove_prefix(newline + 1);
  }
  return {};
}

}  // namespace

Result<std::map<RefName, Oid>> read_packed_refs(const Path& repository) {
  const std::string text = TRY(read_packed(repository));
  std::map<RefName, Oid> refs;
  TRY(for_each_line(
      text, [&](std::string_view /*line*/, const std::optional<PackedRef>& ref) -> Result<> {
        if (!ref || refs.emplace(ref->ref, ref->oid).second) return {};
        return corrupt("reading packed-refs: " + ref->ref.str() + " is there twice");
      }));
  return refs;
}

Result<> remove_packed_ref(const Path& repository, const RefName& ref, DurableSteps& steps) {
  const std::map<RefName, Oid> refs = TRY(read_packed_refs(repository));
  if (!refs.contains(ref)) return {};
  const Path lock = repository / "packed-refs.lock";
  const FileDescriptor held = TRY(open_file(lock, O_WRONLY | O_CREAT | O_EXCL));
  const auto rewrite = [&]() -> Result<> {
    const std::string text = TRY(read_packed(repository));
    std::string kept;
    bool dropping = false;  // a tag's "^<id>" line goes with it
    TRY(for_each_line(text, [&](std::string_view line, const std::optional<PackedRef>& one) {
      if (one || line.starts_with('#')) dropping = one && one->ref == ref;
      if (!dropping) kept.append(line);
      return Result<>();
    }));
    return write_file_durably(repository / "packed-refs", kept, 0600, steps, "ref.packed");
  };
  const Result<> rewritten = rewrite();
  ::unlink(lock.c_str());
  return rewritten;
}

}  // namespace statehouse
