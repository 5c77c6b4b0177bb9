"""The checks of this repository, as `sh tests/run.sh` runs them.

Builds go one after the other on one thread (each uses every core); what a build makes possible is
put on a queue that as many workers as there are cores take from, longest of the last run first.
"""

import argparse
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import process
import tidy
from builds import Build
from outcome import Outcome, failure, from_doctest, from_script, from_unittest

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "logs"
DURATIONS = ROOT / "build" / "durations.json"
CORES = os.cpu_count() or 2
# Threads meet in these; a whole second set of libraries under TSan would find nothing more.
TSAN_TESTS = re.compile(r"^test_(base|ledger|keys|http|service|api|git)\w*$")
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:history_size=4",
}
# Files with a first line `#!…` are tests; the others are vocabulary or modules that those use.
SCRIPTS = [f":(glob)tests/{place}" for place in (
    "e2e/*.sh", "e2e/*.py", "clients/*.sh", "clients/*.py", "clients/*/run.sh", "torture/*.sh",
    "torture/*.py")]
# A script runs against the release binary, and with a line `# also: asan` against that one too.
ALSO = re.compile(r"^# also: ([a-z ]+)$", re.M)


def git_files(*patterns):
    done = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, check=True,
                          capture_output=True, text=True)
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def log_of(name):
    return LOGS / (name.replace("/", ".") + ".log")


def test_environment(scratch, home):
    """What a test may rely on; nothing of the developer's git or gpg configuration reaches it."""
    shared = ROOT.parent / "shared"
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("GIT_", "GPG", "GNUPG", "STATEHOUSE_", "SSH_", "http_"))}
    environment |= SANITIZER_OPTIONS
    environment |= {"HOME": str(home), "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8", "TZ": "UTC",
                    "STATEHOUSE_SOURCE": str(ROOT)}
    for name, folder in (("STATEHOUSE_VECTORS", "vectors"), ("STATEHOUSE_DATA", "data")):
        value = os.environ.get(name) or str(shared / folder)
        if os.path.isdir(value):
            environment[name] = value
    return environment


def run_in_scratch(name, arguments, *, home=None, extra=None):
    with process.Scratch() as scratch:
        environment = test_environment(scratch, home or scratch) | (extra or {})
        return process.run(arguments, cwd=ROOT, log=log_of(name), environment=environment)


def without_address_randomisation():
    """TSan's shadow memory of g++ 12 does not fit every random layout of newer kernels."""
    usable = subprocess.run(["setarch", "-R", "true"], capture_output=True, check=False)
    return ["setarch", "-R"] if usable.returncode == 0 else []


def run_test_program(name, build, program):
    prefix = without_address_randomisation() if build.preset == "tsan" else []
    done = run_in_scratch(name, [*prefix, program, "--no-colors=true"])
    return from_doctest(done.output, done.exit_code, done.ended_by)


def run_script(name, script, build):
    binary = build.folder / "statehouse"
    if not binary.exists():
        return failure(f"no program at {binary}")
    # Clients of other languages keep their module caches in the caller's home.
    home = os.path.expanduser("~") if script.startswith("tests/clients/") else None
    interpreter = [sys.executable, "-B"] if script.endswith(".py") else ["sh"]
    done = run_in_scratch(name, [*interpreter, script], home=home,
                          extra={"STATEHOUSE": str(binary), "STATEHOUSE_BUILD": str(build.folder)})
    return from_script(done.output, done.exit_code, done.ended_by)


def run_format():
    sources = git_files("*.cc", "*.h")
    done = process.run(["clang-format-19", "--dry-run", "-Werror", *sources], cwd=ROOT,
                       log=log_of("source/format"))
    if done.exit_code == 0:
        return Outcome(passed=1)
    names = sorted(set(re.findall(r"^([^\s:]+):\d+:\d+: error", done.output, re.M)))
    advice = "next: clang-format-19 -i " + " ".join(names)
    return failure(done.output if not names else advice)


def run_python_tests(name, program):
    done = process.run([sys.executable, "-B", program], cwd=ROOT, log=log_of(name))
    return from_unittest(done.output, done.exit_code, done.ended_by)


class Check:
    """One line of the table. `run` is called once `build` (if any) has succeeded."""

    def __init__(self, name, run, build=None):
        self.name = name
        self.run = run
        self.build = build


class Runner:
    def __init__(self, options):
        self.options = options
        presets = ["release"] if options.quick else ["release", "asan", "tsan"]
        self.builds = {preset: Build(ROOT, preset, CORES) for preset in presets}
        self.started = time.monotonic()
        self.results = {}
        self.print_lock = threading.Lock()
        self.ready = queue.PriorityQueue()
        self.durations = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}

    def wanted(self, name):
        return not self.options.only or any(part in name for part in self.options.only)

    def source_checks(self):
        checks = [Check("source/format", run_format)]
        for program in sorted(git_files("tests/lint/*_test.py", "tests/runner/*_test.py")):
            name = "source/" + Path(program).stem
            checks.append(Check(name, lambda n=name, p=program: run_python_tests(n, p)))
        return [check for check in checks if self.wanted(check.name)]

    def build_checks(self, preset):
        """Test programs and scripts of one preset, once it is configured."""
        build, checks = self.builds[preset], []
        for test, program in build.tests().items():
            if preset == "tsan" and not TSAN_TESTS.match(test):
                continue
            name = f"{preset}/{test}"
            run = lambda n=name, b=build, p=program: run_test_program(n, b, p)
            checks.append(Check(name, run, build))
        for script in self.scripts(preset):
            name = f"{preset}/{script.removeprefix('tests/').rpartition('.')[0]}"
            checks.append(Check(name, lambda n=name, s=script, b=build: run_script(n, s, b), build))
        return [check for check in checks if self.wanted(check.name)]

    @staticmethod
    def scripts(preset):
        for script in git_files(*SCRIPTS):
            text = (ROOT / script).read_text(errors="replace")
            if not text.startswith("#!"):
                continue
            also = ALSO.search(text)
            if preset == "release" or (also and preset in also.group(1).split()):
                yield script

    def targets_of(self, preset, checks):
        """What must be built for `checks`; [] is everything, benchmarks included for release."""
        if preset == "release" and not self.options.only:
            return ["all", "benchmarks"]
        if preset == "asan" and not self.options.only:
            return []
        names = {check.name.split("/", 1)[1] for check in checks}
        targets = {name for name in names if name.startswith("test_")}
        if names - targets:
            targets.add("statehouse")
        if any(name.startswith("torture/") for name in names):
            targets.add("statehouse-faulty")
        return sorted(targets)

    def say(self, text):
        seconds = int(time.monotonic() - self.started)
        with self.print_lock:
            print(f"[{seconds // 60:02}:{seconds % 60:02}] {text}", flush=True)

    def record(self, name, outcome):
        self.results[name] = outcome
        verdict = "FAILED" if outcome.failed else "ok"
        counts = f"{outcome.passed} passed" + \
            (f", {outcome.failed} failed" if outcome.failed else "") + \
            (f", {outcome.skipped} skipped" if outcome.skipped else "")
        self.say(f"{verdict:6} {name} ({counts}, {outcome.seconds:.1f} s)")
        if outcome.failed:
            lines = outcome.output.rstrip().splitlines()
            shown = lines if len(lines) <= 400 else lines[:100] + ["[…]"] + lines[-300:]
            with self.print_lock:
                print("\n".join("    " + line for line in shown), flush=True)

    def timed(self, name, run):
        started = time.monotonic()
        try:
            outcome = run()
        except Exception as problem:  # a broken check is a failed check
            outcome = failure(f"{type(problem).__name__}: {problem}")
        outcome.seconds = time.monotonic() - started
        return outcome

    def enqueue(self, checks):
        for check in checks:
            self.ready.put((-self.durations.get(check.name, 5.0), check.name, check))

    def worker(self):
        while True:
            _, _, check = self.ready.get()
            if check is None:
                return
            self.record(check.name, self.timed(check.name, check.run))

    def build_one(self, preset):
        """Builds what the wanted checks of `preset` need and queues them."""
        build = self.builds[preset]
        outcome = self.timed(preset, build.configure)
        tidy_wanted = preset == "release" and self.wanted("source/tidy")
        if outcome.failed:
            self.record(f"{preset}/configure", outcome)
            return
        checks = self.build_checks(preset)
        if checks or not self.options.only:
            outcome = self.timed(preset, lambda: build.build(self.targets_of(preset, checks)))
            self.record(f"{preset}/build", outcome)
            if outcome.failed:
                self.say(f"not run, because {preset} did not build: {len(checks)} programs")
            else:
                self.enqueue(checks)
        return tidy_wanted

    def build_all(self):
        tidy_wanted = False
        for preset in self.builds:
            tidy_wanted = self.build_one(preset) or tidy_wanted
        if tidy_wanted:
            tracked = set(git_files("*.cc"))
            folder = self.builds["release"].folder
            self.record("source/tidy", self.timed(
                "source/tidy", lambda: tidy.run(ROOT, folder, tracked, CORES)))

    def run(self):
        self.enqueue(self.source_checks())
        workers = [threading.Thread(target=self.worker) for _ in range(CORES)]
        for worker in workers:
            worker.start()
        self.build_all()
        for index, _ in enumerate(workers):
            self.ready.put((1.0 + index, "", None))
        for worker in workers:
            worker.join()
        return self.report()

    def report(self):
        DURATIONS.parent.mkdir(parents=True, exist_ok=True)
        seconds = self.durations | {n: round(o.seconds, 1) for n, o in self.results.items()}
        DURATIONS.write_text(json.dumps(seconds, indent=1, sort_keys=True))
        width = max([len(name) for name in self.results] + [5])
        print(f"\n{'check':{width}}  passed  failed  skipped   seconds")
        for name, outcome in sorted(self.results.items()):
            print(f"{name:{width}}  {outcome.passed:6}  {outcome.failed:6}  {outcome.skipped:7}"
                  f"  {outcome.seconds:8.1f}")
            for note in outcome.notes:
                print(f"{'':{width}}  - {note}")
        total = [sum(getattr(outcome, field) for outcome in self.results.values())
                 for field in ("passed", "failed", "skipped")]
        elapsed = time.monotonic() - self.started
        print(f"\n{elapsed / 60:.1f} minutes; logs in {LOGS.relative_to(ROOT)}/")
        if sum(total) == 0:
            print("no check ran", file=sys.stderr)
            return 1
        print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
        return 1 if total[1] else 0

    def list_names(self):
        for check in self.source_checks():
            print(check.name)
        print("source/tidy")
        for preset, build in self.builds.items():
            build.configure()
            for check in self.build_checks(preset):
                print(check.name)
        return 0


def main():
    parser = argparse.ArgumentParser(prog="tests/run.sh", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="release build and source checks only")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="only checks whose name contains NAME")
    parser.add_argument("--list", action="store_true", help="print the names of the checks")
    options = parser.parse_args()
    runner = Runner(options)
    return runner.list_names() if options.list else runner.run()


if __name__ == "__main__":
    sys.exit(main())
