"""Breaks a store in every way it promises to survive. See run.sh."""

import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import faults
import load
import tampering
from scenarios import all_scenarios
from store import World


def wanted_quick(scenario, point, effect):
    """Neighbouring moments leave the same disk: one of them is enough, but for the first scenario."""
    if scenario == "update":
        return effect != "enospc" or point.moment == "before"
    if effect == "kill":
        return point.moment == "after"
    return effect == "eio" and point.moment == "before" and point.occurrence == 1


def fault_cases(world, folder, options):
    """All cases; recording each scenario on the way."""
    for scenario in all_scenarios():
        for point in faults.record(world, scenario, fresh(folder, scenario.name)):
            for effect in ("kill", "eio", "enospc"):
                if options.full or wanted_quick(scenario.name, point, effect):
                    yield faults.Case(world, scenario, point, effect)
    update = all_scenarios()[0]
    for point in faults.record_recovery(world, update, fresh(folder, "recovery")):
        for effect in ("kill", "eio", "enospc"):
            if options.full or (effect == "kill" and point.moment == "after"):
                case = faults.RecoveryCase(world, update, point, effect)
                case.name = case.name.replace("update", "recovery")
                yield case
    for point in faults.record_init(world, fresh(folder, "init")):
        for effect in ("kill", "eio", "enospc"):
            chosen = point.occurrence == 1 and point.moment == "after" and effect == "kill"
            chosen = chosen or (point.step == "ledger.commit" and effect == "eio")
            if options.full or chosen:
                yield faults.InitCase(world, point, effect)


def fresh(folder, name):
    path = folder / name
    path.mkdir()
    return path


class Report:
    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.is_verbose = False

    def add(self, name, problems, seconds):
        with self.lock:
            if not problems:
                self.passed += 1
                if self.is_verbose:
                    print(f"ok     {name} ({seconds:.1f} s)", flush=True)
                return
            self.failed += 1
            print(f"FAILED {name} ({seconds:.1f} s)")
            for problem in problems:
                print("    " + problem.strip().replace("\n", "\n      "))
            sys.stdout.flush()


def end_gpg_agents(place):
    """A killed server cannot end its own."""
    for home in [*place.glob("*/keys/openpgp"), *place.glob(".*/keys/openpgp")]:
        if (home / "S.gpg-agent").exists():
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"],
                           capture_output=True, check=False)


def run_one(case, folder, report):
    started = time.monotonic()
    place = Path(tempfile.mkdtemp(prefix="c", dir=folder))
    try:
        problems = case.run(place)
    except Exception as trouble:  # a case that cannot be run has failed
        problems = [f"{type(trouble).__name__}: {trouble}"]
    report.add(case.name, problems, time.monotonic() - started)
    end_gpg_agents(place)
    shutil.rmtree(place, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(prog="tests/torture/run.sh", allow_abbrev=False)
    parser.add_argument("--full", action="store_true", help="every step, moment and effect")
    parser.add_argument("--only", default="", metavar="WORDS", help="only cases whose name has WORDS")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--verbose", action="store_true", help="a line for each case that passes")
    options = parser.parse_args()
    binary = Path(os.environ["STATEHOUSE_FAULTY"]).resolve()
    report, started = Report(), time.monotonic()
    report.is_verbose = options.verbose
    with tempfile.TemporaryDirectory(prefix="sth", dir="/tmp") as name:
        folder = Path(name)
        world = World(fresh(folder, "world"), binary)
        world.build()
        cases = [load.KillUnderLoad(world), *tampering.all_tampering(world)]
        cases += fault_cases(world, fresh(folder, "recorded"), options)
        cases = [case for case in cases if options.only in case.name]
        print(f"{len(cases)} cases, prepared in {time.monotonic() - started:.0f} s", flush=True)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for case in cases:
                pool.submit(run_one, case, folder, report)
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
