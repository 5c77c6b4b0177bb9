#include "cli/demo_files.h"

namespace statehouse {

namespace {

std::vector<DemoFile> cluster_files() {
  return {
      {"clusters/production/apps.yaml", R"(apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps
  namespace: flux-system
spec:
  interval: 10m
  path: ./apps/shop/overlays/production
  prune: true
  sourceRef:
    kind: GitRepository
    name: platform
)"},
      {"clusters/staging/apps.yaml", R"(apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps
  namespace: flux-system
spec:
  interval: 1m
  path: ./apps/shop/overlays/staging
  prune: true
  sourceRef:
    kind: GitRepository
    name: platform
)"},
  };
}

std::vector<DemoFile> base_files() {
  return {
      {"apps/shop/base/kustomization.yaml", R"(apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
  - service.yaml
)"},
      {"apps/shop/base/deployment.yaml", R"(apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 1
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
        - name: shop
          image: registry.example.org/shop:1.4.0
          ports:
            - containerPort: 8080
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits: {memory: 256Mi}
)"},
      {"apps/shop/base/service.yaml", R"(apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  selector: {app: shop}
  ports:
    - port: 80
      targetPort: 8080
)"},
  };
}

std::vector<DemoFile> overlay_files() {
  return {
      {"apps/shop/overlays/staging/kustomization.yaml",
       R"(apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: shop-staging
resources:
  - ../../base
)"},
      {"apps/shop/overlays/production/kustomization.yaml",
       R"(apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: shop
resources:
  - ../../base
patches:
  - path: replicas.yaml
)"},
      {"apps/shop/overlays/production/replicas.yaml", R"(apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 3
)"},
  };
}

}  // namespace

std::vector<DemoFile> demo_platform_files() {
  std::vector<DemoFile> files;
  for (const auto& part : {cluster_files(), base_files(), overlay_files()}) {
    files.insert(files.end(), part.begin(), part.end());
  }
  return files;
}

std::vector<DemoFile> demo_system_files() {
  return {
      {"identities/reconciler.yaml", R"(apiVersion: statehouse/v1
kind: Identity
metadata: {name: reconciler}
spec:
  type: robot
  displayName: Reconciler of the production cluster
  owners: [alice]
)"},
      {"groups.yaml", R"(apiVersion: statehouse/v1
kind: Group
metadata: {name: developers}
spec: {members: [alice, bob]}
---
apiVersion: statehouse/v1
kind: Group
metadata: {name: reviewers}
spec: {members: [alice, bob]}
---
apiVersion: statehouse/v1
kind: Group
metadata: {name: reconcilers}
spec: {members: [reconciler]}
---
apiVersion: statehouse/v1
kind: Group
metadata: {name: auditors}
spec: {members: [bob]}
)"},
      {"platform.yaml", R"(apiVersion: statehouse/v1
kind: Repository
metadata: {name: platform}
spec:
  description: Desired state of the shop's clusters
  defaultBranch: refs/heads/audit
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: audit-branch}
spec:
  match: {repositories: ["platform"], refs: ["refs/heads/audit"]}
  read: [group:developers]
  update: {by: [group:developers], forcePush: deny, delete: deny}
  commits: {signatures: required, signers: [group:developers]}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: deploy-branch}
spec:
  match: {repositories: ["platform"], refs: ["refs/heads/deploy"]}
  read: [group:developers, group:reconcilers]
  update: {by: ["flow:deploy"]}
---
apiVersion: statehouse/v1
kind: Flow
metadata: {name: deploy}
spec:
  from: {repository: platform, ref: refs/heads/audit}
  to: {repository: platform, ref: refs/heads/deploy}
  strategy: seal
  sealFormat: openpgp
  promote: [group:developers]
  merge: {by: [group:developers]}
  approvals: [{count: 1, from: [group:reviewers], validFor: 7d}]
)"},
  };
}

}  // namespace statehouse
