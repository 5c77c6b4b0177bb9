#include "tests/store/git/git_fixture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>

#include "crypto/base/encoding.h"
#include "crypto/base/subprocess.h"

namespace statehouse::test {

namespace {

std::string deflated(std::string_view bytes) {
  uLongf size = ::compressBound(bytes.size());
  std::string output(size, '\0');
  REQUIRE(::compress2(reinterpret_cast<Bytef*>(output.data()), &size,
                      reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 9) == Z_OK);
  output.resize(size);
  return output;
}

std::string trimmed(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string variable_length(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(0x80U | (value & 0x7FU));
  return bytes + static_cast<char>(value);
}

}  // namespace

Oid oid(std::string_view hex) { return must(Oid::parse(hex)); }

RefName ref(std::string_view name) { return must(RefName::parse(name)); }

std::string run(const Path& folder, std::vector<std::string> arguments, std::string input) {
  SubprocessOptions options;
  options.arguments = std::move(arguments);
  options.environment = minimal_environment();
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"GIT_CONFIG_NOSYSTEM", "1"},
           {"GIT_CONFIG_GLOBAL", "/dev/null"},
           {"HOME", "/nonexistent"},
           {"GIT_AUTHOR_NAME", "Ann"},
           {"GIT_AUTHOR_EMAIL", "ann@example.org"},
           {"GIT_COMMITTER_NAME", "Ann"},
           {"GIT_COMMITTER_EMAIL", "ann@example.org"}}) {
    options.environment.emplace_back(name, value);
  }
  options.working_directory = folder;
  options.stdin_bytes = std::move(input);
  options.stdout_bytes_max = 1U << 30;
  const SubprocessResult result = must(run_subprocess(options));
  if (!result.succeeded()) FAIL(options.arguments[0], ": ", result.stderr_bytes);
  return result.stdout_bytes;
}

TemporaryDirectory scratch() { return must(TemporaryDirectory::create("/tmp", "statehouse-git-")); }

Result<> BreakingSteps::before(std::string_view step) {
  seen_.emplace_back(step);
  if (step == before_) return unavailable("broken before " + before_);
  return {};
}

Result<> BreakingSteps::after(std::string_view step) {
  if (step == after_) return unavailable("broken after " + after_);
  return {};
}

Workspace::Workspace(std::string_view object_format) : directory_(scratch()) {
  git({"init", "-q", "-b", "main", "--object-format=" + std::string(object_format), "."});
}

std::string Workspace::git(std::vector<std::string> arguments, std::string input) const {
  arguments.insert(arguments.begin(), {"git", "-c", "core.autocrlf=false"});
  return run(path(), std::move(arguments), std::move(input));
}

void Workspace::write(const std::string& file, std::string_view bytes) const {
  must(make_directories((path() / file).parent_path()));
  ::unlink((path() / file).c_str());
  const FileDescriptor fd = must(open_file(path() / file, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  must(write_all(fd.get(), bytes));
}

void Workspace::link(const std::string& file, const std::string& target) const {
  must(make_directories((path() / file).parent_path()));
  REQUIRE(::symlink(target.c_str(), (path() / file).c_str()) == 0);
}

Oid Workspace::commit(std::string_view message) {
  git({"add", "-A", "."});
  const std::string date = std::to_string(clock_++) + " +0000";
  run(path(), {"env", "GIT_AUTHOR_DATE=" + date, "GIT_COMMITTER_DATE=" + date, "git", "commit",
               "-q", "--allow-empty", "--allow-empty-message", "-m", std::string(message)});
  return rev("HEAD");
}

Oid Workspace::rev(const std::string& expression) const {
  return oid(trimmed(git({"rev-parse", "--verify", "-q", expression})));
}

Oid Workspace::raw_object(const std::string& type, std::string_view bytes) const {
  return oid(trimmed(
      git({"hash-object", "-t", type, "-w", "--stdin", "--literally"}, std::string(bytes))));
}

Oid Workspace::raw_commit(const Oid& tree) const {
  return oid(trimmed(git({"commit-tree", tree.hex(), "-m", "raw"})));
}

std::string Workspace::pack(const Oid& tip, const std::optional<Oid>& have) const {
  std::string revisions = tip.hex() + "\n";
  if (have) revisions += "^" + have->hex() + "\n";
  return git({"pack-objects", "--revs", "--stdout", "-q", "--thin", "--delta-base-offset"},
             std::move(revisions));
}

void PackBuilder::header(unsigned type, std::uint64_t size) {
  offsets_.push_back(12 + body_.size());
  unsigned byte = type << 4 | static_cast<unsigned>(size & 0xFU);
  for (size >>= 4; size != 0; size >>= 7) {
    body_ += static_cast<char>(byte | 0x80U);
    byte = static_cast<unsigned>(size & 0x7FU);
  }
  body_ += static_cast<char>(byte);
}

PackBuilder& PackBuilder::object(unsigned type, std::string_view bytes,
                                 std::optional<std::uint64_t> declared) {
  header(type, declared.value_or(bytes.size()));
  body_ += deflated(bytes);
  return *this;
}

PackBuilder& PackBuilder::offset_delta(std::size_t back, std::string_view bytes) {
  const std::size_t base = offsets_.at(offsets_.size() - back);
  header(6, bytes.size());
  std::uint64_t distance = offsets_.back() - base;
  std::string encoded(1, static_cast<char>(distance & 0x7FU));
  while ((distance >>= 7) != 0) {
    --distance;
    encoded.insert(encoded.begin(), static_cast<char>(0x80U | (distance & 0x7FU)));
  }
  body_ += encoded + deflated(bytes);
  return *this;
}

PackBuilder& PackBuilder::ref_delta(const Oid& base, std::string_view bytes) {
  header(7, bytes.size());
  body_ += std::string(base.bytes()) + deflated(bytes);
  return *this;
}

std::string PackBuilder::build(std::optional<std::uint32_t> count) const {
  const std::uint32_t objects = count.value_or(static_cast<std::uint32_t>(offsets_.size()));
  std::string pack("PACK\0\0\0\2", 8);
  for (int shift = 24; shift >= 0; shift -= 8) pack += static_cast<char>(objects >> shift & 0xFFU);
  pack += body_;
  const std::string sum = run("/", {"sha1sum"}, pack);
  return pack + must(hex_decode(sum.substr(0, 40)));
}

std::string delta(std::uint64_t source, std::uint64_t target, std::string_view instructions) {
  return variable_length(source) + variable_length(target) + std::string(instructions);
}

std::string copy_from_start(std::uint32_t size) {
  std::string bytes(1, static_cast<char>(0xF0));
  for (int i = 0; i < 3; ++i, size >>= 8) bytes += static_cast<char>(size & 0xFFU);
  return bytes;
}

FileDescriptor as_file(std::string_view bytes) {
  FileDescriptor fd(::memfd_create("pack", MFD_CLOEXEC));
  must(write_all(fd.get(), bytes));
  return fd;
}

StoreFixture::StoreFixture()
    : directory(scratch()),
      name(must(RepositoryName::parse("app"))),
      store(must(RepositoryStore::open(library, directory.path()))) {
  must(store->create(name, ref("refs/heads/main"), steps));
}

void StoreFixture::push(const Workspace& from, const Oid& tip) {
  Quarantine quarantine = must(ingest(from.pack(tip)));
  must(quarantine.make_durable(steps));
}

Oid StoreFixture::plant(const std::vector<GitObject>& objects) {
  return must(write_objects_durably(app(), objects, steps)).back();
}

Oid StoreFixture::plant_tree(FileMode mode, const std::string& entry_name, const Oid& entry) {
  return plant({{ObjectType::kTree, serialize_tree({{mode, entry_name, entry}})}});
}

Oid StoreFixture::plant_blob(std::string_view bytes) {
  return plant({{ObjectType::kBlob, std::string(bytes)}});
}

}  // namespace statehouse::test
