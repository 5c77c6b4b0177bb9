#include "cli/baseline_edit.h"

#include <algorithm>
#include <sstream>

#include "crypto/base/json.h"

namespace statehouse {
namespace {

bool is_yaml_path(std::string_view path) {
  return path.ends_with(".yaml") || path.ends_with(".yml");
}

/// A double-quoted YAML scalar; JSON's quoting is a subset of YAML's.
std::string yaml_quoted(std::string_view text) { return dump_json(Json(std::string(text))); }

bool is_same(const Baseline& one, const Baseline& other) {
  return one.ref == other.ref && one.commit == other.commit && one.tree == other.tree &&
         one.commit_sha256 == other.commit_sha256 && one.tree_sha256 == other.tree_sha256;
}

bool is_document_marker(const std::string& line) {
  for (const std::string_view marker : {"---", "..."}) {
    if (line == marker || line == std::string(marker) + "\r") return true;
    if (line.starts_with(std::string(marker) + " ")) return true;
  }
  return false;
}

/// Replaces the document that holds line `line` (from 1) by `replacement`; markers stay.
std::string replace_document(const std::string& bytes, std::uint32_t line,
                             const std::string& replacement) {
  std::vector<std::string> lines;
  std::istringstream in(bytes);
  for (std::string each; std::getline(in, each);) lines.push_back(each);
  std::size_t first = std::min<std::size_t>(line == 0 ? 0 : line - 1, lines.size());
  std::size_t last = first;
  while (first > 0 && !is_document_marker(lines[first - 1])) --first;
  while (last < lines.size() && !is_document_marker(lines[last])) ++last;
  std::string out;
  for (std::size_t i = 0; i < first; ++i) out += lines[i] + "\n";
  out += replacement;
  for (std::size_t i = last; i < lines.size(); ++i) out += lines[i] + "\n";
  return out;
}

/// The Repository document called `name` in `file`, if any.
Result<std::optional<Repository>> find_repository(const TreeFile& file,
                                                  const RepositoryName& name) {
  if (!is_yaml_path(file.path)) return std::nullopt;
  auto resources = read_resources(file.path, file.bytes);
  if (!resources) {
    return invalid_argument("reading the configuration: " + resources.error().front().text(),
                            resources.error().front().fix);
  }
  for (const Resource& resource : *resources) {
    const auto* repository = std::get_if<Repository>(&resource);
    if (repository != nullptr && repository->name == name) return *repository;
  }
  return std::nullopt;
}

void append_document(std::vector<TreeFile>& files, const Repository& repository) {
  const std::string path = "repositories/" + repository.name.str() + ".yaml";
  const auto existing = std::find_if(files.begin(), files.end(),
                                     [&](const TreeFile& file) { return file.path == path; });
  if (existing == files.end()) {
    files.push_back({path, FileMode::kFile, repository_yaml(repository)});
    return;
  }
  if (!existing->bytes.empty() && !existing->bytes.ends_with('\n')) existing->bytes += "\n";
  existing->bytes += "---\n" + repository_yaml(repository);
}

}  // namespace

std::string repository_yaml(const Repository& repository) {
  std::string text = "apiVersion: statehouse/v1\nkind: Repository\nmetadata: {name: " +
                     yaml_quoted(repository.name.str()) + "}\n";
  const bool is_empty =
      repository.description.empty() && !repository.default_branch && repository.baselines.empty();
  if (is_empty) return text + "spec: {}\n";
  text += "spec:\n";
  if (!repository.description.empty()) {
    text += "  description: " + yaml_quoted(repository.description) + "\n";
  }
  if (repository.default_branch) {
    text += "  defaultBranch: " + yaml_quoted(repository.default_branch->str()) + "\n";
  }
  if (repository.baselines.empty()) return text;
  text += "  baselines:\n";
  for (const Baseline& baseline : repository.baselines) {
    text += "    - ref: " + yaml_quoted(baseline.ref.str()) + "\n";
    text += "      commit: " + yaml_quoted(baseline.commit.hex()) + "\n";
    text += "      tree: " + yaml_quoted(baseline.tree.hex()) + "\n";
    text += "      commitSha256: " + yaml_quoted(baseline.commit_sha256) + "\n";
    text += "      treeSha256: " + yaml_quoted(baseline.tree_sha256) + "\n";
  }
  return text;
}

Result<BaselineEdit> add_baseline(std::vector<TreeFile>& files, const RepositoryName& repository,
                                  const Baseline& baseline) {
  for (TreeFile& file : files) {
    auto found = TRY(find_repository(file, repository));
    if (!found) continue;
    for (const Baseline& each : found->baselines) {
      if (is_same(each, baseline)) return BaselineEdit::kWasThere;
    }
    std::erase_if(found->baselines, [&](const Baseline& each) {
      return each.ref == baseline.ref && each.commit == baseline.commit;
    });
    found->baselines.push_back(baseline);
    file.bytes = replace_document(file.bytes, found->source.at.line, repository_yaml(*found));
    return BaselineEdit::kAdded;
  }
  append_document(files, Repository{.name = repository,
                                    .description = {},
                                    .default_branch = baseline.ref,
                                    .baselines = {baseline},
                                    .source = {}});
  return BaselineEdit::kAdded;
}

}  // namespace statehouse
