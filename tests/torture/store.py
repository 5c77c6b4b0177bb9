"""A store on disk, the people who use it, and the server that runs on it."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

START_SECONDS_MAX = 60
COMMAND_SECONDS_MAX = 120

RESOURCES = """apiVersion: statehouse/v1
kind: Group
metadata: {name: developers}
spec: {members: [alice, bob]}
---
apiVersion: statehouse/v1
kind: Group
metadata: {name: auditors}
spec: {members: [alice]}
---
apiVersion: statehouse/v1
kind: Repository
metadata: {name: platform}
spec: {description: tortured, defaultBranch: refs/heads/audit}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: audit}
spec:
  match: {repositories: [platform], refs: [refs/heads/audit]}
  read: [group:developers]
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
  commits: {signatures: required, signers: [group:developers]}
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
kind: Flow
metadata: {name: deploy}
spec:
  from: {repository: platform, ref: refs/heads/audit}
  to: {repository: platform, ref: refs/heads/deploy}
  strategy: seal
  promote: [group:developers]
  merge: {by: [group:developers]}
  approvals: [{count: 1, from: [group:developers], validFor: 7d}]
"""

EXTRA = """apiVersion: statehouse/v1
kind: Repository
metadata: {name: extra}
spec: {description: declared under torture, defaultBranch: refs/heads/audit}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: extra}
spec:
  match: {repositories: [extra], refs: [refs/heads/audit]}
  read: [group:developers]
  update: {by: [group:developers]}
"""


class TortureError(Exception):
    """The scene could not be set: no verdict on the store."""


def clean_environment(home):
    """No configuration of the caller's git, gpg or ssh."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8",
            "TZ": "UTC", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0", "TMPDIR": os.environ.get("TMPDIR", "/tmp")}


class Done:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout.decode(errors="replace")
        self.err = process.stderr.decode(errors="replace")

    @property
    def text(self):
        return f"exit {self.code}\n{self.out[-1500:]}{self.err[-3000:]}"


def run(arguments, *, cwd, environment, stdin=None):
    try:
        return Done(subprocess.run([str(word) for word in arguments], cwd=cwd, env=environment,
                                   input=stdin, capture_output=True, check=False,
                                   timeout=COMMAND_SECONDS_MAX))
    except subprocess.TimeoutExpired as late:
        raise TortureError(f"{arguments[:3]} took more than {COMMAND_SECONDS_MAX} s") from late


def must(done, what):
    if done.code != 0:
        raise TortureError(f"{what}: {done.text}")
    return done.out.strip()


class Person:
    """Somebody with a key, a token, and a git that signs."""

    def __init__(self, home, name):
        self.name = name
        self.home = Path(home) / name
        self.home.mkdir(parents=True)
        self.key = self.home / "key"
        self.token = ""
        self.environment = clean_environment(self.home) | {
            f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", f"{name}@example.org"))}
        must(run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.key],
                 cwd=self.home, environment=self.environment), "ssh-keygen")

    def git(self, folder, *arguments, stdin=None):
        settings = []
        for setting in ("gpg.format=ssh", f"user.signingkey={self.key}", "commit.gpgsign=true",
                        "gc.auto=0", "maintenance.auto=false", "init.defaultBranch=audit"):
            settings += ["-c", setting]
        return run(["git", *settings, *arguments], cwd=folder, environment=self.environment,
                   stdin=stdin)

    def commit(self, clone, path, text, message):
        """A signed commit on top of where `clone` stands; returns its id."""
        file = Path(clone) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        must(self.git(clone, "add", "."), "git add")
        must(self.git(clone, "commit", "-q", "-m", message), "git commit")
        return must(self.git(clone, "rev-parse", "HEAD"), "git rev-parse")

    def remote(self, server, repository):
        return f"{server.url.replace('://', f'://{self.name}:{self.token}@')}/git/{repository}.git"

    def push(self, server, clone, repository, *updates):
        return self.git(clone, "push", "-q", "--atomic", self.remote(server, repository), *updates)

    def statehouse(self, server, *arguments):
        extra = {"STATEHOUSE_SERVER": server.url, "STATEHOUSE_TOKEN": self.token}
        return run([server.binary, *arguments], cwd=self.home,
                   environment=self.environment | extra)


class Server:
    """One `serve` process on a data directory."""

    def __init__(self, binary, data, *, fault=None, steps=None, behind=0):
        self.binary = binary
        self.data = Path(data)
        self.log = self.data.parent / "serve.log"
        self.environment = clean_environment(self.data.parent)
        extra = {}
        if fault:
            extra["STATEHOUSE_FAULT"] = fault
        if steps:
            extra["STATEHOUSE_STEPS"] = str(steps)
        if behind:
            extra["STATEHOUSE_CLOCK_BEHIND"] = str(behind)
        self.url = None
        with open(self.log, "ab") as sink:
            self.process = subprocess.Popen(
                [str(binary), "serve", "--data", str(data), "--listen", "127.0.0.1:0"],
                cwd=self.data.parent, env=self.environment | extra, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=sink)

    def wait_until_listening(self):
        """False when the process ended instead."""
        os.set_blocking(self.process.stdout.fileno(), False)
        text, end = b"", time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end:
            text += self.process.stdout.read() or b""
            if b"\n" in text:
                self.url = text.split()[2].decode()
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.01)
        self.kill()
        raise TortureError("the server neither listens nor ends:\n" + self.words())

    def start(self):
        if not self.wait_until_listening():
            raise TortureError(f"the server does not start ({self.process.returncode}):\n" +
                               self.words())
        return self

    def words(self):
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def kill(self):
        """The server alone, as the kernel would: a git that it started must notice by itself."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        """Drains; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def wait_for_end(self, seconds):
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def on_host(self, *arguments):
        return run([self.binary, *arguments, "--data", self.data], cwd=self.data.parent,
                   environment=self.environment)

    def get(self, path, token=None):
        """(status, text)"""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode(errors="replace")


def wait_until_quiet(steps, seconds=0.4):
    """Until no step was recorded for a while: the housekeeper owes nothing more."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < seconds:
        now = steps.stat().st_size if steps.exists() else 0
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(0.02)


def copy_data(source, target):
    shutil.copytree(source, target, symlinks=True,
                    ignore=lambda folder, names: [n for n in names if n == "control.sock"])


class World:
    """A store with a history, and commits that are ready to be pushed. Made once, then copied."""

    def __init__(self, folder, binary):
        self.folder = Path(folder)
        self.binary = binary
        self.data = self.folder / "data"
        self.alice = Person(self.folder, "alice")
        self.bob = Person(self.folder, "bob")
        self.system = self.alice.home / "system"
        self.clone = self.alice.home / "platform"
        self.commits = {}

    def init(self, data, environment=None):
        return run([self.binary, "init", "--data", data, "--name", "torture.example/store",
                    "--admin", f"alice={self.alice.key}.pub", "--admin",
                    f"bob={self.bob.key}.pub"], cwd=self.folder,
                   environment=clean_environment(self.folder) | (environment or {}))

    def build(self):
        must(self.init(self.data), "init")
        steps = self.folder / "build.steps"
        server = Server(self.binary, self.data, steps=steps).start()
        try:
            self._fill(server)
            wait_until_quiet(steps)
        finally:
            server.stop()

    def _fill(self, server):
        for person in (self.alice, self.bob):
            text = must(server.on_host("token", "create", "--identity", person.name, "--scope",
                                       "write", "-o", "json"), "token create")
            person.token = json.loads(text)["token"]
        self._declare(server, "platform.yaml", RESOURCES, merge=True)
        self._declare(server, "extra.yaml", EXTRA, merge=False)
        self._prepare_commits(server)
        self.deploy_promotion = self._promote(server, "platform", "deploy")

    def _declare(self, server, path, text, *, merge):
        alice = self.alice
        if not self.system.exists():
            must(alice.git(alice.home, "clone", "-q", alice.remote(server, "system"), "system"),
                 "git clone")
        alice.commit(self.system, path, text, f"Declare {path}")
        must(alice.push(server, self.system, "system", "HEAD:refs/heads/audit"), "git push")
        self.system_promotion = self._promote(server, "system", "system")
        if merge:
            must(self.bob.statehouse(server, "promotion", "merge", self.system_promotion), "merge")

    def _promote(self, server, repository, flow):
        text = must(self.alice.statehouse(server, "promotion", "create", "-R", repository, "--flow",
                                          flow, "-o", "json"), "promotion create")
        number = str(json.loads(text)["number"])
        must(self.bob.statehouse(server, "promotion", "approve", number, "--yes", "--key",
                                 self.bob.key), "promotion approve")
        return number

    def _prepare_commits(self, server):
        alice, clone = self.alice, self.clone
        must(alice.git(alice.home, "init", "-q", "platform"), "git init")
        for name in ("first", "second", "update", "next"):
            self.commits[name] = alice.commit(
                clone, "apps/shop.yaml", f"kind: ConfigMap\ndata: {{mark: {name}}}\n", name)
        must(alice.git(clone, "checkout", "-q", "--detach", self.commits["second"]), "checkout")
        self.commits["aside"] = alice.commit(clone, "apps/aside.yaml", "kind: Secretless\n", "aside")
        for name in ("first", "second"):
            must(alice.push(server, clone, "platform", f"{self.commits[name]}:refs/heads/audit"),
                 "git push")
        must(alice.push(server, clone, "platform",
                        f"{self.commits['first']}:refs/heads/topic/old"), "git push")
