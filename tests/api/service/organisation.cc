#include "tests/api/service/organisation.h"

#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

namespace {

std::string identity(const std::string& name, const std::string& spec,
                     const std::string& key_fields = "") {
  return "---\napiVersion: statehouse/v1\nkind: Identity\nmetadata: {name: " + name + "}\nspec:\n" +
         spec + "  emails: [" + name + "@example.org]\n  keys:\n    - ssh: \"" +
         public_key_line(name) + "\"\n" + key_fields;
}

constexpr const char* kPerson = "  type: person\n";

constexpr const char* kRest = R"(---
apiVersion: statehouse/v1
kind: Group
metadata: {name: developers}
spec: {members: [alice, bob, carol, erin, frank, ci]}
---
apiVersion: statehouse/v1
kind: Group
metadata: {name: reviewers}
spec: {members: [alice, bob, carol]}
---
apiVersion: statehouse/v1
kind: Group
metadata: {name: auditors}
spec: {members: [dave]}
---
apiVersion: statehouse/v1
kind: Repository
metadata: {name: platform}
spec: {description: The shop, defaultBranch: refs/heads/audit}
---
apiVersion: statehouse/v1
kind: Repository
metadata: {name: mirror}
spec: {description: Where another team reads, defaultBranch: refs/heads/deploy}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: audit}
spec:
  match: {repositories: [platform], refs: [refs/heads/audit]}
  read: [group:developers, group:auditors]
  update: {by: [group:developers]}
  commits: {signatures: required, signers: [group:developers]}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: topics}
spec:
  match: {repositories: [platform], refs: ["refs/heads/topic/**"]}
  read: [group:developers]
  update: {by: [group:developers], forcePush: allow, delete: allow}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: hidden}
spec:
  match: {repositories: [platform], refs: [refs/heads/hidden]}
  read: [group:administrators]
  update: {by: [group:administrators]}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: deploy}
spec:
  match: {repositories: [platform], refs: [refs/heads/deploy]}
  read: [group:developers]
  update: {by: ["flow:deploy"]}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: mirror}
spec:
  match: {repositories: [mirror], refs: [refs/heads/deploy]}
  read: [group:developers]
  update: {by: ["flow:mirror"]}
---
apiVersion: statehouse/v1
kind: Flow
metadata: {name: deploy}
spec:
  from: {repository: platform, ref: refs/heads/audit}
  to: {repository: platform, ref: refs/heads/deploy}
  strategy: seal
  promote: [group:developers]
  merge: {by: [group:reviewers]}
  approvals: [{count: 1, from: [group:reviewers], validFor: 7d}]
---
apiVersion: statehouse/v1
kind: Flow
metadata: {name: mirror}
spec:
  from: {repository: platform, ref: refs/heads/audit}
  to: {repository: mirror, ref: refs/heads/deploy}
  strategy: seal
  sealFormat: ssh
  promote: [group:developers]
  merge: {by: [group:reviewers]}
  approvals: [{count: 1, from: [group:reviewers], validFor: 7d}]
)";

}  // namespace

const std::string kOrganisation =
    identity("carol", kPerson).substr(4) + identity("dave", kPerson) +
    identity("mallory", kPerson) +
    identity("erin", kPerson,
             "      revoked: {at: 2026-02-01T00:00:00Z, reason: compromised, since: "
             "2026-02-01T00:00:00Z}\n") +
    identity("frank", kPerson, "      validUntil: 2026-02-01T00:00:00Z\n") +
    identity("ci", "  type: robot\n  owners: [alice]\n") + kRest;

}  // namespace statehouse::test
