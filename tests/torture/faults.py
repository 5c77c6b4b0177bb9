"""Breaks one durable step of one scenario and looks at what is left."""

import time
from dataclasses import dataclass
from pathlib import Path

import checks
from store import Server, TortureError, copy_data, wait_until_quiet

COMMIT = "ledger.commit:after"
FIRE_SECONDS_MAX = 20
OCCURRENCES_MAX = 3


@dataclass(frozen=True)
class Point:
    """One moment in a recorded run: the N-th `step:moment`, and whether the commit lies behind."""
    step: str
    moment: str
    occurrence: int
    committed: bool

    def fault(self, effect):
        return f"{self.step}:{self.moment}:{effect}:{self.occurrence}"


def points_of(lines):
    """The moments of a run; `lines` are those of STATEHOUSE_STEPS."""
    seen, points, committed = {}, [], False
    for line in lines:
        step, moment = line.split()[0].rsplit(":", 1)
        committed = committed or f"{step}:{moment}" == COMMIT
        number = seen[line] = seen.get(line, 0) + 1
        if number <= OCCURRENCES_MAX:
            points.append(Point(step, moment, number, committed))
    return points


def record(world, scenario, folder):
    """Runs the scenario unharmed and returns its moments."""
    data, steps = folder / "data", folder / "steps"
    copy_data(world.data, data)
    server = Server(world.binary, data, steps=steps).start()
    try:
        done = scenario.act(world, server)
        if done.code != 0:
            raise TortureError(f"{scenario.name} fails unharmed: {done.text}")
        wait_until_quiet(steps, 1.0)
    finally:
        server.stop()
    state = scenario.state(world, checks.Ledger(data))
    if state != "new":
        raise TortureError(f"{scenario.name} is {state} unharmed")
    return points_of(steps.read_text().splitlines())


class Case:
    """One fault in one run of one scenario."""

    def __init__(self, world, scenario, point, effect):
        self.world = world
        self.scenario = scenario
        self.point = point
        self.effect = effect
        self.name = f"{scenario.name} {point.fault(effect)}"
        self.problems = []

    def expect(self, condition, problem):
        if not condition:
            self.problems.append(problem)

    def run(self, folder):
        """Returns problems; none when the store kept its promises."""
        data, steps = Path(folder) / "data", Path(folder) / "steps"
        copy_data(self.world.data, data)
        server = Server(self.world.binary, data, fault=self.point.fault(self.effect),
                        steps=steps).start()
        try:
            acknowledged = self.break_it(server, steps)
        finally:
            if self.effect == "kill":
                server.kill()
            else:
                self.expect(server.stop() == 0, f"SIGTERM: {server.process.returncode}")
        clean = Server(self.world.binary, data)
        try:
            if clean.wait_until_listening():
                self.look(clean, acknowledged)
            else:
                self.problems.append(f"no start after the fault: {clean.words()}")
        finally:
            status = clean.stop()
            self.expect(status == 0, f"a clean server ends with {status}: {clean.words()}")
        self.problems += checks.check_files(data, checks.Ledger(data))
        return self.problems

    def break_it(self, server, steps):
        """Asks for the change while the fault waits; returns whether it was acknowledged."""
        done = self.scenario.act(self.world, server)
        if not self.fired(steps):
            self.problems.append(f"the fault never happened: {done.text}")
            return done.code == 0
        if self.effect == "kill":
            self.expect(server.wait_for_end(10) == -9, "the server outlived kill -9")
            return done.code == 0
        self.expect(server.process.poll() is None, "the server ended by itself")
        if self.point.committed:
            if self.point.step.startswith("ref."):
                self.go_on(server, done)
            return done.code == 0
        self.expect(done.code != 0, "acknowledged although nothing was committed")
        return self.try_again(server)

    def try_again(self, server):
        """What failed before the commit left nothing behind: the same process can do it now."""
        done = self.scenario.act(self.world, server)
        self.expect(done.code == 0, f"the same request fails afterwards: {done.text}")
        return done.code == 0

    def go_on(self, server, done):
        """A ref file that could not be written hinders nobody: the ledger has it."""
        self.expect(done.code == 0, f"committed and not acknowledged: {done.text}")
        pushed = self.push_next(server)
        self.expect(pushed.code == 0, f"the next push to the same server fails: {pushed.text}")

    def push_next(self, server):
        return self.world.alice.push(server, self.world.clone, "platform",
                                     f"{self.world.commits['next']}:refs/heads/audit")

    @staticmethod
    def fired(steps):
        end = time.monotonic() + FIRE_SECONDS_MAX
        while time.monotonic() < end:
            if steps.exists() and " FAULT" in steps.read_text():
                return True
            time.sleep(0.02)
        return False

    def look(self, server, acknowledged):
        state = self.scenario.state(self.world, checks.Ledger(server.data))
        expected = "new" if self.point.committed or acknowledged else "old"
        self.expect(state == expected, f"state is {state}, expected {expected}; "
                                       f"acknowledged: {acknowledged}")
        self.problems += checks.check_running(server, self.world)
        pushed = self.push_next(server)
        self.expect(pushed.code == 0, f"the next push fails: {pushed.text}")
        ledger = checks.Ledger(server.data)
        self.expect(ledger.live().get(("platform", "refs/heads/audit")) ==
                    self.world.commits["next"], "the next push is not there")
        self.problems += checks.check_served(server, self.world, ledger)
        self.problems += checks.check_log(ledger)
        self.problems += checks.check_objects(server.data, ledger)


class RecoveryCase(Case):
    """A fault during the start that recovers from another one."""

    def run(self, folder):
        data, steps = Path(folder) / "data", Path(folder) / "steps"
        copy_data(self.world.data, data)
        broken = Server(self.world.binary, data, fault="ledger.commit:after:kill:1",
                        steps=steps).start()
        self.scenario.act(self.world, broken)
        broken.kill()
        steps.unlink()
        server = Server(self.world.binary, data, fault=self.point.fault(self.effect), steps=steps)
        server.wait_until_listening()
        self.expect(self.fired(steps), "the fault never happened")
        server.kill()
        clean = Server(self.world.binary, data)
        try:
            if clean.wait_until_listening():
                self.look(clean, True)
            else:
                self.problems.append(f"no start after the fault: {clean.words()}")
        finally:
            clean.stop()
        self.problems += checks.check_files(data, checks.Ledger(data))
        return self.problems


def record_recovery(world, scenario, folder):
    data, steps = folder / "data", folder / "steps"
    copy_data(world.data, data)
    broken = Server(world.binary, data, fault="ledger.commit:after:kill:1").start()
    scenario.act(world, broken)
    broken.kill()
    server = Server(world.binary, data, steps=steps).start()
    wait_until_quiet(steps, 1.0)
    server.stop()
    return [Point(p.step, p.moment, p.occurrence, True)
            for p in points_of(steps.read_text().splitlines())]


class InitCase:
    """A fault while a store is being made: there is a whole store afterwards, or none."""

    def __init__(self, world, point, effect):
        self.world = world
        self.point = point
        self.effect = effect
        self.name = f"init {point.fault(effect)}"

    def run(self, folder):
        problems, data = [], Path(folder) / "data"
        done = self.world.init(data, {"STATEHOUSE_FAULT": self.point.fault(self.effect)})
        if done.code == 0:
            problems.append("init succeeded under the fault")
        if data.exists():
            problems.append(f"init failed and left {data.name}: {done.text}")
        if self.effect != "kill" and list(Path(folder).iterdir()):
            problems.append(f"init left {[path.name for path in Path(folder).iterdir()]}")
        again = self.world.init(data)
        if again.code != 0:
            return problems + [f"init fails afterwards: {again.text}"]
        server = Server(self.world.binary, data).start()
        fsck = server.on_host("fsck")
        if fsck.code != 0:
            problems.append(f"fsck: {fsck.text}")
        if server.stop() != 0:
            problems.append("the server does not stop")
        return problems


def record_init(world, folder):
    steps = folder / "steps"
    done = world.init(folder / "data", {"STATEHOUSE_STEPS": str(steps)})
    if done.code != 0:
        raise TortureError(f"init: {done.text}")
    return points_of(steps.read_text().splitlines())
