"""Measures Statehouse against its peers in one run. See run.sh."""

import argparse
import hashlib
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from load import Request, percentile, push_all, wrk
from pushes import Repository, pkt_line
from servers import (BenchError, Peer, Store, clean_environment, command, make_key, require_tools)

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
AUDIT = "refs/heads/audit"
FILES = 300  # in the measured repository
PUSHES = 150  # by one writer
WRITERS, PUSHES_EACH = 8, 25
UPLOAD = {"Content-Type": "application/x-git-upload-pack-request", "Git-Protocol": "version=2"}


def upload_pack_polls():
    """What a reconciler sends to learn where one branch stands."""
    advertise = "/git/bench.git/info/refs?service=git-upload-pack"
    wanted = pkt_line(b"command=ls-refs\n") + pkt_line(b"agent=bench") + \
        pkt_line(b"object-format=sha1") + b"0001" + pkt_line(b"peel\n") + pkt_line(b"symrefs\n") + \
        pkt_line(b"ref-prefix HEAD\n") + pkt_line(f"ref-prefix {AUDIT}\n".encode()) + b"0000"
    return {
        "v0 info/refs": [Request("GET", advertise)],
        "v2 info/refs": [Request("GET", advertise, {"Git-Protocol": "version=2"})],
        "v2 ls-refs": [Request("POST", "/git/bench.git/git-upload-pack", UPLOAD, wanted)],
        "v2 poll (both)": [
            Request("GET", advertise, {"Git-Protocol": "version=2"}),
            Request("POST", "/git/bench.git/git-upload-pack", UPLOAD, wanted)],
    }


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.environment = clean_environment(folder)
        self.results = []
        self.load = os.getloadavg()[0]
        self.key = folder / "writer"
        make_key(self.key, self.environment)
        self.repository = Repository(folder / "work", self.key, self.environment)
        self.base = self.repository.first_commit(FILES)
        self.peer = Peer(folder / "peer")
        self.store = None

    def start_servers(self):
        binary = BUILD / "statehouse"
        if not binary.exists():
            raise BenchError(f"no program at {binary}: nothing of ours to measure")
        self.peer.start()
        self.store = Store(self.folder / "store", binary, self.key)
        names = ["bench"] + [f"bench-{number}" for number in range(WRITERS + 1)]
        self.store.start(names)

    def end(self):
        self.peer.end()
        if self.store:
            self.store.end()

    def add(self, group, name, unit, ours, peer, peer_name):
        """`ours` and `peer` are {"perSecond": …} with anything else that was seen."""
        value, base = ours["perSecond"], peer["perSecond"]
        self.results.append({"group": group, "name": name, "unit": unit, "ours": ours,
                             "peer": peer, "peerName": peer_name, "ratio": value / base})
        print(f"{group:9} {name:34} {value:12,.1f} {base:12,.1f} {value / base:9.2f}x  {unit:12} "
              f"{ours.get('p50Microseconds', 0) / 1000:8.2f} "
              f"{ours.get('p99Microseconds', 0) / 1000:8.2f}  {peer_name}", flush=True)

    # Polls.

    def seed_repository(self):
        """The same four refs on both servers."""
        refs = [AUDIT] + [f"refs/heads/branch-{number}" for number in range(3)]
        self.peer.create_repository("bench")
        for server in (self.peer, self.store):
            for ref in refs:
                push_all(server, {"bench": [self.repository.body(ref, None, self.base)]})

    def polls(self):
        self.seed_repository()
        for name, requests in upload_pack_polls().items():
            for server in (self.peer, self.store):
                for request in requests:
                    body = request.send(server.port, server.headers)
                    if "both" not in name and "v2 info" not in name and \
                            self.base.encode() not in body:
                        raise BenchError(f"{server.url}: {name} does not name {self.base}")
            for connections in (8, 64):
                peer, ours = (wrk(server, requests, folder=self.folder, connections=connections,
                                  seconds=self.options.seconds)
                              for server in (self.peer, self.store))
                self.add("polls", f"{name}, {connections} connections", "requests/s", ours, peer,
                         "nginx + git http-backend, no password")

    # Pushes.

    def push(self):
        commits = self.repository.chain(self.base, PUSHES)
        bodies = [self.repository.body(AUDIT, None, self.base)]
        bodies += self.repository.bodies(AUDIT, self.base, commits)
        rates = {}
        for name, settings in (("bench-p", []), ("bench-f", ["core.fsync=all"])):
            self.peer.create_repository(name, *settings)
            rates[name] = push_all(self.peer, {name: bodies})
        ours = push_all(self.store, {"bench-0": bodies})
        self.add("push", "signed commit, 1 writer", "pushes/s", ours, rates["bench-p"],
                 "http-backend: nothing verified or synced")
        self.add("push", "signed commit, 1 writer", "pushes/s", ours, rates["bench-f"],
                 "http-backend, core.fsync=all, nothing verified")
        self.push_concurrently()

    def push_concurrently(self):
        chains = {}
        for number in range(1, WRITERS + 1):
            commits = self.repository.chain(self.base, PUSHES_EACH, salt=number)
            chains[f"bench-{number}"] = \
                [self.repository.body(AUDIT, None, self.base)] + \
                self.repository.bodies(AUDIT, self.base, commits)
        for name in chains:
            self.peer.create_repository(name, "core.fsync=all")
        peer, ours = push_all(self.peer, chains), push_all(self.store, chains)
        self.add("push", f"signed commit, {WRITERS} writers", "pushes/s", ours, peer,
                 "http-backend, core.fsync=all, nothing verified")

    # Signatures.

    def verify(self):
        commits = self.repository.chain(self.base, 100, salt=50)
        batch = self.folder / "commits.batch"
        batch.write_bytes(self.repository.raw_commits(commits))
        key_line = self.key.with_suffix(".pub").read_text().strip()
        allowed = self.folder / "allowed-signers"
        allowed.write_text(f"writer@bench.example {key_line}\n")
        one_each = self.timed(lambda commit: self.repository.verify_commits([commit], allowed),
                              commits)
        in_one_call = self.timed(lambda _: self.repository.verify_commits(commits, allowed), [0])
        in_one_call["perSecond"] *= len(commits)
        ours = self.program("verify_commits", batch, key_line, self.options.seconds)
        self.add("verify", "SSH Ed25519 commit", "commits/s", ours, one_each,
                 "git verify-commit, one process each")
        self.add("verify", "SSH Ed25519 commit", "commits/s", ours, in_one_call,
                 "git verify-commit, all in one call")

    @staticmethod
    def timed(function, items):
        latencies, started = [], time.perf_counter()
        for item in items:
            at = time.perf_counter()
            function(item)
            latencies.append(time.perf_counter() - at)
        elapsed = time.perf_counter() - started
        latencies.sort()
        return {"perSecond": len(latencies) / elapsed,
                "p50Microseconds": percentile(latencies, 0.5) * 1e6,
                "p99Microseconds": percentile(latencies, 0.99) * 1e6}

    def program(self, name, *arguments):
        path = BUILD / "tests" / "bench" / name
        if not path.exists():
            raise BenchError(f"no program at {path}")
        return json.loads(command([path, *arguments], cwd=self.folder,
                                  environment=self.environment))

    # The log.

    def log(self):
        peer = self.plain_sqlite(self.options.seconds)
        for writers in (1, 10, 100):
            ours = self.program("append_entries", self.folder / f"log-{writers}", writers,
                                self.options.seconds)
            self.add("log", f"append durably, {writers} writers", "entries/s", ours, peer,
                     "SQLite alone: one row per commit, 1 writer")

    def plain_sqlite(self, seconds):
        """The disk's own speed for a durable row: no hashing, no signature, no batches."""
        database = sqlite3.connect(self.folder / "plain.db", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, bytes BLOB)")
        row, latencies, end = b"x" * 2000, [], time.perf_counter() + seconds
        while time.perf_counter() < end:
            started = time.perf_counter()
            database.execute("INSERT INTO entry (bytes) VALUES (?)", (row,))
            latencies.append(time.perf_counter() - started)
        database.close()
        latencies.sort()
        return {"perSecond": len(latencies) / seconds,
                "p50Microseconds": percentile(latencies, 0.5) * 1e6,
                "p99Microseconds": percentile(latencies, 0.99) * 1e6}

    # Snapshots.

    def snapshot(self):
        path = f"/v1/archive?repository=bench-0&ref={AUDIT}&version=1"
        if "push" not in self.groups():
            push_all(self.store, {"bench-0": [self.repository.body(AUDIT, None, self.base)]})
        archive = self.store.get(path)
        (self.peer.folder / "static" / "snapshot.tar").write_bytes(archive)
        requests = {self.peer: Request("GET", "/static/snapshot.tar"), self.store: Request("GET", path)}
        digests = {hashlib.sha256(request.send(server.port, server.headers)).digest()
                   for server, request in requests.items()}
        if len(digests) != 1:
            raise BenchError("the two servers do not serve the same bytes")
        for connections in (1, 8):
            peer, ours = (wrk(server, [requests[server]], folder=self.folder,
                              connections=connections, seconds=self.options.seconds)
                          for server in (self.peer, self.store))
            self.add("snapshot", f"{len(archive):,} bytes, {connections} connections",
                     "downloads/s", ours, peer, "nginx, the same file")

    def groups(self):
        return self.options.only or ["verify", "log", "polls", "push", "snapshot"]

    def run(self):
        if self.load > 0.5 * (os.cpu_count() or 1):
            print(f"note: other work keeps this machine busy (load {self.load:.1f}): only the ratios "
                  "mean something", file=sys.stderr)
        print(f"{'':9} {'what':34} {'ours':>12} {'peer':>12} {'ratio':>10}  {'unit':12} "
              f"{'p50 ms':>8} {'p99 ms':>8}  peer")
        if {"polls", "push", "snapshot"} & set(self.groups()):
            self.start_servers()
        for group in self.groups():
            getattr(self, group)()

    def report(self):
        versions = {tool: subprocess.run([tool, flag], capture_output=True, text=True, check=False)
                    for tool, flag in (("git", "--version"), ("nginx", "-v"))}
        return {
            "machine": {"cores": os.cpu_count(), "kernel": platform.release(),
                        "processor": platform.machine(), "loadAtStart": self.load},
            "versions": {tool: (done.stdout or done.stderr).strip()
                         for tool, done in versions.items()} |
                        {"sqlite": sqlite3.sqlite_version},
            "seconds": self.options.seconds, "results": self.results}


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh", allow_abbrev=False)
    parser.add_argument("--only", action="append", default=[],
                        choices=["polls", "push", "verify", "log", "snapshot"])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sthb", dir="/tmp"))
    bench = None
    try:
        require_tools()
        bench = Bench(options, folder)
        bench.run()
        options.json.write_text(json.dumps(bench.report(), indent=2) + "\n")
        print(f"written to {options.json}")
        return 0
    except BenchError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    finally:
        if bench:
            bench.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
