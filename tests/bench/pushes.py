"""Prepares pushes: a chain of signed commits, each as one receive-pack request body."""

import hashlib

from servers import GitSigner, command

ZERO = "0" * 40
CAPABILITIES = "report-status object-format=sha1 agent=bench"


def pkt_line(data):
    return f"{len(data) + 4:04x}".encode() + data


def manifest(number):
    """A small Kubernetes object, different for every number."""
    mark = hashlib.sha256(str(number).encode()).hexdigest()
    return (f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app-{number:04}\n"
            f"data:\n  image: registry.example/app:{mark[:12]}\n  mark: {mark}\n")


class Repository:
    """A work tree like a small GitOps repository, whose commits `writer` signs."""

    def __init__(self, folder, key, environment):
        self.folder = folder
        self.git = GitSigner(folder, key, "Writer", "writer@bench.example", environment)
        self.environment = environment
        self.git("init", "-q", "-b", "audit", folder)

    def text(self, *arguments, stdin=None):
        return self.git(*arguments, stdin=stdin).decode().strip()

    def first_commit(self, files):
        """`files` manifests under apps/; returns the commit."""
        for number in range(files):
            path = self.folder / "apps" / f"team-{number % 16:02}" / f"app-{number:04}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(manifest(number))
        self.git("add", ".")
        self.git("commit", "-q", "-S", "-m", "The first state")
        return self.text("rev-parse", "HEAD")

    def chain(self, base, count, salt=0):
        """`count` signed commits on top of `base`, each changing one file; oldest first."""
        commits, parent = [], base
        for number in range(count):
            blob = self.text("hash-object", "-w", "--stdin",
                             stdin=manifest(1_000_000 * (salt + 1) + number).encode())
            self.git("read-tree", parent)
            self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},clusters/current.yaml")
            tree = self.text("write-tree")
            parent = self.text("commit-tree", "-S", "-p", parent, "-m", f"Change {number}", tree)
            commits.append(parent)
        return commits

    def pack(self, new, old):
        wanted = f"{new}\n" + (f"^{old}\n" if old else "")
        return self.git("pack-objects", "-q", "--revs", "--thin", "--stdout", stdin=wanted.encode())

    def body(self, ref, old, new):
        line = f"{old or ZERO} {new} {ref}\0 {CAPABILITIES}\n".encode()
        return pkt_line(line) + b"0000" + self.pack(new, old)

    def bodies(self, ref, base, commits):
        return [self.body(ref, old, new) for old, new in zip([base, *commits], commits)]

    def raw_commits(self, commits):
        """The output of `git cat-file --batch`."""
        return self.git("cat-file", "--batch", stdin="\n".join(commits).encode() + b"\n")

    def verify_commits(self, commits, allowed_signers):
        """What stock git does; ends the benchmark when one signature is not good."""
        command(["git", "-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed_signers}",
                 "verify-commit", *commits], cwd=self.folder, environment=self.environment)
