#include "store/git/object_writer.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <functional>
#include <map>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

Result<std::string> deflate(std::string_view header, std::string_view bytes) {
  std::string input(header);
  input.append(bytes);
  uLongf size = ::compressBound(input.size());
  std::string output(size, '\0');
  const int status = ::compress2(reinterpret_cast<Bytef*>(output.data()), &size,
                                 reinterpret_cast<const Bytef*>(input.data()), input.size(),
                                 Z_DEFAULT_COMPRESSION);
  if (status != Z_OK) return unavailable("compressing an object: out of memory");
  output.resize(size);
  return output;
}

Result<> make_fan_out(const Path& folder, DurableSteps& steps) {
  struct stat status{};
  if (::stat(folder.c_str(), &status) == 0) return {};
  return durable_step(steps, "objects.fan-out", [&]() -> Result<> {
    const Result<> created = create_directory_durably(folder);
    // Another thread may have been first; then it may not have synced the parent yet.
    if (!created && created.error().code == ErrorCode::kConflict) {
      return sync_directory(folder.parent_path());
    }
    return created;
  });
}

Result<Oid> write_object(const Path& objects, const GitObject& object, DurableSteps& steps) {
  const Oid oid = TRY(object_id(object.type, object.bytes));
  const std::string header =
      std::string(object_type_name(object.type)) + " " + std::to_string(object.bytes.size()) + '\0';
  const std::string compressed = TRY(deflate(header, object.bytes));
  const std::string hex = oid.hex();
  const Path folder = objects / hex.substr(0, 2);
  TRY(make_fan_out(folder, steps));
  TRY(write_file_durably(folder / hex.substr(2), compressed, 0400, steps, "objects.loose"));
  return oid;
}

/// A folder that is being built: files here, folders below.
struct Folder {
  std::map<std::string, const TreeFile*, std::less<>> files;
  std::map<std::string, Folder, std::less<>> folders;
};

std::unexpected<Error> bad_file(std::string_view path, std::string_view why) {
  return invalid_argument("building a tree: " + escape_for_message(path) + ": " + std::string(why));
}

Result<> place_file(Folder& root, const TreeFile& file) {
  const TreePath path = TRY(TreePath::parse(file.path));
  if (file.mode == FileMode::kTree || file.mode == FileMode::kGitlink) {
    return bad_file(file.path, "only files and links have content");
  }
  Folder* folder = &root;
  std::string_view rest = path.str();
  std::size_t depth = 0;
  for (std::size_t slash = rest.find('/'); slash != std::string_view::npos;
       slash = rest.find('/')) {
    const std::string name(rest.substr(0, slash));
    if (folder->files.contains(name)) return bad_file(file.path, "a file stands where a folder is");
    if (++depth > limits::kTreeDepthMax) return bad_file(file.path, "too many nested folders");
    folder = &folder->folders[name];
    rest.remove_prefix(slash + 1);
  }
  const std::string name(rest);
  if (folder->folders.contains(name)) return bad_file(file.path, "a folder stands there");
  if (!folder->files.emplace(name, &file).second) return bad_file(file.path, "it is there twice");
  return {};
}

/// Adds the objects of `folder`, content first. Recursion is bounded by limits::kTreeDepthMax.
Result<Oid> add_folder(const Folder& folder, std::vector<GitObject>& objects) {
  std::vector<TreeEntry> entries;
  for (const auto& [name, file] : folder.files) {
    const Oid oid = TRY(object_id(ObjectType::kBlob, file->bytes));
    objects.push_back({ObjectType::kBlob, file->bytes});
    entries.push_back({file->mode, name, oid});
  }
  for (const auto& [name, child] : folder.folders) {
    const Oid oid = TRY(add_folder(child, objects));
    entries.push_back({FileMode::kTree, name, oid});
  }
  std::string bytes = serialize_tree(std::move(entries));
  const Oid oid = TRY(object_id(ObjectType::kTree, bytes));
  objects.push_back({ObjectType::kTree, std::move(bytes)});
  return oid;
}

std::vector<std::string> split_path(const TreePath& path) {
  std::vector<std::string> parts;
  std::string_view rest = path.str();
  for (;;) {
    const std::size_t slash = rest.find('/');
    parts.emplace_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    rest.remove_prefix(slash + 1);
  }
}

auto find_entry(std::vector<TreeEntry>& entries, const std::string& name) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const TreeEntry& entry) { return entry.name == name; });
}

/// The entries of each folder on the way to `parts`, the root first. Folders that do not exist yet
/// are empty.
Result<std::vector<std::vector<TreeEntry>>> read_way(const GitRepository& repository,
                                                     const Oid& target,
                                                     const std::vector<std::string>& parts) {
  std::vector<std::vector<TreeEntry>> way;
  std::vector<TreeEntry> root = TRY(repository.read_tree(target));
  way.push_back(std::move(root));
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto found = find_entry(way[i], parts[i]);
    std::vector<TreeEntry> entries;
    if (found != way[i].end()) {
      if (!found->is_tree()) return bad_file(parts[i], "a file stands where a folder is");
      entries = TRY(repository.read_tree(found->oid));
    }
    way.push_back(std::move(entries));
  }
  return way;
}

}  // namespace

Result<std::vector<Oid>> write_objects_durably(const Path& repository,
                                               std::span<const GitObject> objects,
                                               DurableSteps& steps) {
  std::vector<Oid> oids;
  for (const GitObject& object : objects) {
    const Oid oid = TRY(write_object(repository / "objects", object, steps));
    oids.push_back(oid);
  }
  return oids;
}

Result<BuiltTree> build_tree(const std::vector<TreeFile>& files) {
  if (files.empty()) return invalid_argument("building a tree: there are no files");
  Folder root;
  for (const TreeFile& file : files) TRY(place_file(root, file));
  BuiltTree built;
  built.root = TRY(add_folder(root, built.objects));
  return built;
}

Result<BuiltTree> replace_subtree(const GitRepository& repository, const Oid& target,
                                  const TreePath& path, const std::optional<Oid>& source) {
  const std::vector<std::string> parts = split_path(path);
  if (parts.size() > limits::kTreeDepthMax) return bad_file(path.str(), "too many nested folders");
  std::vector<std::vector<TreeEntry>> way = TRY(read_way(repository, target, parts));
  BuiltTree built;
  std::optional<Oid> below = source;
  for (std::size_t i = parts.size(); i > 0; --i) {
    std::vector<TreeEntry>& entries = way[i - 1];
    if (const auto found = find_entry(entries, parts[i - 1]); found != entries.end()) {
      if (!found->is_tree()) return bad_file(path.str(), "a file stands where a folder is");
      entries.erase(found);
    }
    if (below) entries.push_back({FileMode::kTree, parts[i - 1], *below});
    if (entries.empty()) {
      below = std::nullopt;
      continue;
    }
    std::string bytes = serialize_tree(std::move(entries));
    below = TRY(object_id(ObjectType::kTree, bytes));
    built.objects.push_back({ObjectType::kTree, std::move(bytes)});
  }
  if (!below) return invalid_argument("building a tree: nothing would be left");
  built.root = *below;
  return built;
}

}  // namespace statehouse
