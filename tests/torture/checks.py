"""What must hold of a store after whatever happened to it. Each returns a list of problems."""

import json
import re
import sqlite3
import subprocess
import tempfile
from pathlib import Path

LEFTOVER = re.compile(r"(\.lock$)|(^incoming-)|(^tmp_)|(\.tmp-)")


class Ledger:
    """The tables of a ledger at one moment, read by SQLite's own library, also while it is used."""

    def __init__(self, data):
        database = sqlite3.connect(f"file:{Path(data) / 'ledger.db'}?mode=ro", uri=True,
                                   isolation_level=None, timeout=20)
        try:
            database.execute("BEGIN")
            self.refs = {(repository, ref): (version, commit.hex() if commit else None, entry)
                         for repository, ref, version, commit, entry in database.execute(
                             "SELECT repository, ref, version, commit_oid, entry FROM refs")}
            self.events = [json.loads(text) for (text,) in database.execute(
                "SELECT bytes FROM entries ORDER BY idx")]
            self.owed = [row[0] for row in database.execute("SELECT kind FROM outbox")]
            self.promotions = dict(database.execute("SELECT number, state FROM promotions"))
            self.tokens = database.execute("SELECT count(*) FROM tokens").fetchone()[0]
            self.repositories = [row[0] for row in database.execute(
                "SELECT name FROM repositories WHERE deleted IS NULL")]
        finally:
            database.close()

    def live(self):
        return {key: commit for key, (_, commit, _) in self.refs.items() if commit}

    def version(self, repository, ref):
        return self.refs.get((repository, ref), (0, None, None))[0]


def ref_files(data):
    """{(repository, ref): id} as the loose files say; the store makes no packed ones."""
    found = {}
    root = Path(data) / "repositories"
    for repository in root.glob("**/*.git"):
        name = str(repository.relative_to(root))[:-len(".git")]
        for file in (repository / "refs").glob("**/*"):
            if file.is_file():
                found[(name, str(file.relative_to(repository)))] = file.read_text().strip()
    return found


def check_files(data, ledger):
    """Ref files are what the ledger says, and nothing is left of what was under way."""
    problems = []
    files, refs = ref_files(data), ledger.live()
    for key in sorted(set(files) | set(refs)):
        if files.get(key) != refs.get(key):
            problems.append(f"ref file of {':'.join(key)} says {files.get(key)}, "
                            f"the ledger says {refs.get(key)}")
    for file in Path(data).glob("**/*"):
        if LEFTOVER.search(file.name):
            problems.append(f"left over: {file.relative_to(data)}")
    return problems


def check_log(ledger):
    """Every version of every ref has exactly one entry, numbered without a hole."""
    problems, seen = [], {}
    for index, event in enumerate(ledger.events):
        if event["type"] != "statehouse.ref.updated":
            continue
        data = event["data"]
        key = (data["repository"], data["ref"])
        versions = seen.setdefault(key, [])
        versions.append((data["version"], data["commit"], index))
        if data["version"] != len(versions):
            problems.append(f"{':'.join(key)}: entry {index} is version {data['version']}, "
                            f"expected {len(versions)}")
    last = {key: versions[-1] for key, versions in seen.items()}
    if last != ledger.refs:
        problems.append(f"refs and their newest entries differ: {ledger.refs} against {last}")
    return problems


def check_objects(data, ledger):
    """Stock git finds every object of every ref sound."""
    problems = []
    for name in ledger.repositories:
        tips = [commit for (repository, _), commit in ledger.live().items() if repository == name]
        folder = Path(data) / "repositories" / f"{name}.git"
        done = subprocess.run(
            ["git", "-c", f"safe.directory={folder}", "--git-dir", str(folder), "fsck", "--full",
             "--strict", "--no-dangling", "--no-progress", *tips],
            capture_output=True, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                                                   "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/"})
        text = (done.stdout + done.stderr).decode(errors="replace").strip()
        if done.returncode != 0 or "missing" in text or "broken" in text:
            problems.append(f"git fsck of {name}: {done.returncode} {text[-500:]}")
    return problems


def check_running(server, world):
    """A running store finds nothing wrong with itself and its log verifies."""
    problems = []
    status, text = server.get("/readyz")
    if status != 200 or json.loads(text).get("degraded"):
        problems.append(f"/readyz: {status} {text.strip()[:600]}")
    fsck = server.on_host("fsck")
    if fsck.code != 0:
        problems.append(f"statehouse fsck: {fsck.text}")
    audit = server.on_host("audit", "verify", "--trust", server.data / "trust.json")
    if audit.code != 0:
        problems.append(f"audit verify: {audit.text}")
    with tempfile.TemporaryDirectory() as folder:
        snapshot = world.alice.statehouse(
            server, "snapshot", "get", "-R", "platform", "--ref", "audit", "--trust",
            server.data / "trust.json", "--into", Path(folder) / "tree")
        if snapshot.code != 0:
            problems.append(f"snapshot get: {snapshot.text}")
    return problems


def check_served(server, world, ledger):
    """What is served is what the ledger says."""
    done = world.alice.git(world.clone, "ls-remote", world.alice.remote(server, "platform"),
                           "refs/heads/*")
    if done.code != 0:
        return [f"ls-remote: {done.text}"]
    served = {("platform", ref): commit for commit, ref in
              (line.split("\t") for line in done.out.splitlines())}
    expected = {key: commit for key, commit in ledger.live().items() if key[0] == "platform"}
    return [] if served == expected else [f"served: {served}, the ledger says {expected}"]
