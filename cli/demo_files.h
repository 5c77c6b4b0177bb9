#pragma once

#include <string>
#include <vector>

namespace statehouse {

/// A file of the demo's repositories.
struct DemoFile {
  std::string path;
  std::string text;
};

/// A small GitOps tree: clusters, applications with overlays, as Flux or Argo CD would apply it.
std::vector<DemoFile> demo_platform_files();

/// What the administrators declare in `system` for the demo: a reconciler, groups, the repository,
/// policies and the flow.
std::vector<DemoFile> demo_system_files();

}  // namespace statehouse
