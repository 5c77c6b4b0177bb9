"""Configures and builds one CMake preset, and says which test programs it has."""

import os
import re
import threading

import process
from outcome import Outcome, failure

_ADD_TEST = re.compile(r'^add_test\((?:\[=*\[)?([\w.-]+)(?:\]=*\])? "([^"]+)"', re.M)


def compiler_environment(root):
    """The caller's, plus what lets ccache answer for another checkout of the same sources."""
    return os.environ | {
        "CCACHE_BASEDIR": str(root),
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_SLOPPINESS": "pch_defines,time_macros,include_file_mtime,include_file_ctime",
    }


class Build:
    """One preset. `done` is set when it was built or has failed; `failed` tells which."""

    def __init__(self, root, preset, jobs):
        self.root = root
        self.preset = preset
        self.jobs = jobs
        self.folder = root / "build" / preset
        self.configured = threading.Event()
        self.done = threading.Event()
        self.failed = True

    def configure(self):
        done = process.run(["cmake", "--preset", self.preset, "-DSTATEHOUSE_TESTS=ON"], cwd=self.root,
                           log=self._log("configure"), environment=compiler_environment(self.root))
        self.configured.set()
        return Outcome() if done.exit_code == 0 else failure(done.output)

    def build(self, targets):
        """Builds `targets`; an empty list means all. Compilers yield to tests that run meanwhile."""
        done = process.run(["ninja", "-C", str(self.folder), "-j", str(self.jobs), *targets],
                           cwd=self.root, log=self._log("build"), nice=10, seconds_max=5400,
                           environment=compiler_environment(self.root))
        self.failed = done.exit_code != 0
        return failure(done.output + "\n" + done.ended_by) if self.failed else Outcome()

    def finish(self):
        self.configured.set()
        self.done.set()

    def tests(self):
        """{name: path of the program}, readable once configured."""
        found = {}
        for listing in sorted(self.folder.glob("**/CTestTestfile.cmake")):
            found.update(_ADD_TEST.findall(listing.read_text()))
        return found

    def _log(self, step):
        return self.root / "build" / "logs" / f"{self.preset}.{step}.log"
