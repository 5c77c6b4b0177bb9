#include <algorithm>

#include "crypto/base/encoding.h"
#include "policy/resource_reader.h"

namespace statehouse {

namespace {

constexpr std::string_view kApiVersion = "statehouse/v1";

/// Names that mean something else where resources are named.
bool is_reserved(std::string_view kind, std::string_view name) {
  const bool identity = name == "anyone" || name == "git" || name == "x-access-token";
  return (kind == "Identity" && identity) || (kind == "Policy" && name == "store");
}

/// 64 hexadecimal digits, with or without "sha256:" in front; always with it in the result.
Result<std::string> parse_sha256(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with("sha256:")) digits.remove_prefix(7);
  if (digits.size() != 64 || !hex_decode(digits)) {
    return invalid_argument("reading a SHA-256 digest: not 64 lower-case hexadecimal digits",
                            "write it like sha256:9f86d0…");
  }
  return "sha256:" + std::string(digits);
}

/// A full ref name, or the short name of a branch.
Result<RefName> parse_branch(std::string_view text) {
  if (text.starts_with("refs/")) return RefName::parse(text);
  return RefName::parse("refs/heads/" + std::string(text));
}

template <typename Parse>
auto read_required(const Fields& fields, std::string_view name, Parse parse)
    -> std::optional<typename decltype(parse(std::string_view()))::value_type> {
  const YamlNode* const node = fields.required(name);
  if (node == nullptr) return std::nullopt;
  return read_parsed(fields.reader(), *node, fields.path(name), parse);
}

std::optional<Baseline> read_baseline(ResourceReader& reader, const YamlNode& node) {
  const Fields fields(reader, node, "spec.baselines",
                      {"ref", "commit", "tree", "commitSha256", "treeSha256"});
  auto ref = read_required(fields, "ref", RefName::parse);
  auto commit = read_required(fields, "commit", Oid::parse);
  auto tree = read_required(fields, "tree", Oid::parse);
  auto commit_sha256 = read_required(fields, "commitSha256", parse_sha256);
  auto tree_sha256 = read_required(fields, "treeSha256", parse_sha256);
  if (!ref || !commit || !tree || !commit_sha256 || !tree_sha256) return std::nullopt;
  return Baseline{*ref, *commit, *tree, *commit_sha256, *tree_sha256};
}

/// metadata.name as a T, or nullopt when it is missing or wrong.
template <typename T>
std::optional<T> read_metadata_name(const Fields& document, std::string_view kind) {
  const YamlNode* const metadata = document.required("metadata");
  if (metadata == nullptr) return std::nullopt;
  const Fields fields(document.reader(), *metadata, "metadata", {"name"});
  const YamlNode* const node = fields.required("name");
  if (node == nullptr) return std::nullopt;
  auto name = read_parsed(document.reader(), *node, "metadata.name", T::parse);
  if (name && is_reserved(kind, name->str())) {
    document.reader().report(node->at, "the name `" + name->str() + "` is reserved",
                             "choose another name");
  }
  return name;
}

using Read = std::optional<Resource>;

template <auto Reader>
Read read_named(const Fields& document, const YamlNode& spec, std::string_view kind) {
  const auto name = read_metadata_name<ResourceName>(document, kind);
  // Goes on without a name, so that the spec is checked too.
  return Reader(document.reader(), name.value_or(ResourceName::parse("unnamed").value()), spec);
}

Read read_named_repository(const Fields& document, const YamlNode& spec, std::string_view kind) {
  auto name = read_metadata_name<RepositoryName>(document, kind);
  if (name && name->is_system()) {
    document.reader().report(document.at(), "the repository `system` is always there",
                             "leave this document out");
  }
  return read_repository(document.reader(), name.value_or(RepositoryName::system()), spec);
}

struct Kind {
  std::string_view name;
  Read (*read)(const Fields& document, const YamlNode& spec, std::string_view kind);
};

constexpr Kind kKinds[] = {
    {"Identity", read_named<read_identity>}, {"Group", read_named<read_group>},
    {"Repository", read_named_repository},   {"Policy", read_named<read_policy>},
    {"Flow", read_named<read_flow>},
};

const Kind* read_kind(const Fields& document) {
  const YamlNode* const node = document.required("kind");
  if (node == nullptr) return nullptr;
  std::vector<std::pair<std::string_view, const Kind*>> choices;
  for (const Kind& kind : kKinds) choices.emplace_back(kind.name, &kind);
  return read_choice(document.reader(), *node, "kind", choices).value_or(nullptr);
}

Read read_document(ResourceReader& reader, const YamlNode& node) {
  const Fields document(reader, node, "a resource", {"apiVersion", "kind", "metadata", "spec"});
  if (!document.is_mapping()) return std::nullopt;
  if (const YamlNode* version = document.required("apiVersion")) {
    read_choice<bool>(reader, *version, "apiVersion", {{kApiVersion, true}});
  }
  const Kind* const kind = read_kind(document);
  const YamlNode* const spec = document.required("spec");
  if (kind == nullptr || spec == nullptr) return std::nullopt;
  Read resource = kind->read(document, *spec, kind->name);
  if (resource) {
    std::visit([&](auto& value) { value.source = Source{reader.file(), node.at}; }, *resource);
  }
  return resource;
}

}  // namespace

Group read_group(ResourceReader& reader, ResourceName name, const YamlNode& spec) {
  const Fields fields(reader, spec, "spec", {"members"});
  Group group{.name = std::move(name), .members = {}, .source = {}};
  if (const YamlNode* members = fields.required("members")) {
    group.members = read_names(reader, *members, fields.path("members"));
  }
  return group;
}

Repository read_repository(ResourceReader& reader, RepositoryName name, const YamlNode& spec) {
  const Fields fields(reader, spec, "spec", {"description", "defaultBranch", "baselines"});
  Repository repository{.name = std::move(name),
                        .description = {},
                        .default_branch = {},
                        .baselines = {},
                        .source = {}};
  if (const YamlNode* node = fields.optional("description")) {
    repository.description =
        read_line(reader, *node, fields.path("description"), 1000).value_or("");
  }
  if (const YamlNode* node = fields.optional("defaultBranch")) {
    repository.default_branch =
        read_parsed(reader, *node, fields.path("defaultBranch"), parse_branch);
  }
  if (const YamlNode* node = fields.optional("baselines")) {
    repository.baselines =
        read_list(reader, *node, fields.path("baselines"),
                  [&](const YamlNode& item) { return read_baseline(reader, item); });
  }
  return repository;
}

std::expected<std::vector<Resource>, Diagnostics> read_resources(std::string_view file,
                                                                 std::string_view bytes) {
  auto documents = parse_yaml(file, bytes);
  if (!documents) return std::unexpected(Diagnostics{std::move(documents).error()});
  Diagnostics problems;
  ResourceReader reader(file, problems);
  std::vector<Resource> resources;
  for (const YamlNode& document : *documents) {
    if (auto resource = read_document(reader, document)) resources.push_back(*std::move(resource));
  }
  if (problems.empty()) return resources;
  sort_diagnostics(problems);
  return std::unexpected(std::move(problems));
}

}  // namespace statehouse
