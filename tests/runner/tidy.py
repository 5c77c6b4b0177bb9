"""clang-tidy over the tracked sources, in parallel, remembering what was clean.

A clean file is remembered under a hash of everything that decided it: the tool's version, its
configuration, the compile command, the file, and every project header it reaches. A file with
findings is never remembered.
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from outcome import Outcome, failure

TOOL = "clang-tidy-19"
_INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.M)


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "statehouse-tidy"


class Tidy:
    def __init__(self, root, build):
        self.root = root
        self.build = build
        self.cache = cache_folder()
        self.headers = {}
        version = subprocess.run([TOOL, "--version"], capture_output=True, check=True).stdout
        self.salt = version + (root / ".clang-tidy").read_bytes()

    def _reached(self, path, seen):
        """Adds `path` and every project header it includes, directly or not, to `seen`."""
        if path in seen or not path.is_file():
            return
        seen.add(path)
        if path not in self.headers:
            names = _INCLUDE.findall(path.read_bytes())
            self.headers[path] = [self.root / name.decode() for name in names]
        for header in self.headers[path]:
            self._reached(header, seen)

    def key(self, command):
        arguments = [word.replace(str(self.root), "") for word in shlex.split(command["command"])]
        digest = hashlib.sha256(self.salt + " ".join(arguments[1:]).encode())
        reached = set()
        self._reached(Path(command["file"]), reached)
        for path in sorted(reached):
            digest.update(str(path.relative_to(self.root)).encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def check(self, command):
        """Returns (was remembered, findings or "")."""
        mark = self.cache / self.key(command)
        if mark.exists():
            return True, ""
        done = subprocess.run(
            ["nice", "-n", "10", TOOL, "--quiet", "-p", str(self.build), command["file"]],
            capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
            check=False)
        if done.returncode != 0:
            return False, done.stdout.strip() or done.stderr.strip() or "failed without a word"
        self.cache.mkdir(parents=True, exist_ok=True)
        mark.touch()
        return False, ""


def run(root, build, tracked, jobs):
    """One test per source file that the build compiles and git tracks."""
    database = json.loads((build / "compile_commands.json").read_text())
    by_file = {os.path.relpath(command["file"], root): command for command in database}
    commands = [by_file[name] for name in sorted(by_file) if name in tracked]
    if not commands:
        return failure("no source file to check: is the build configured?")
    tidy = Tidy(root, build)
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(tidy.check, commands))
    findings = [text for _, text in results if text]
    remembered = sum(1 for known, _ in results if known)
    return Outcome(passed=len(results) - len(findings), failed=len(findings),
                   output="\n\n".join(findings),
                   notes=[f"{remembered} of {len(results)} files unchanged since they were clean"])
