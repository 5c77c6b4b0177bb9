"""Files changed, lost or put back behind the server's back, and a clock that is wrong."""

import hashlib
import json
import shutil
import sqlite3
from pathlib import Path

import checks
from store import Server, copy_data, must, wait_until_quiet

DAY = 24 * 3600


def degraded(server):
    status, text = server.get("/readyz")
    return status, [alarm["what"] for alarm in json.loads(text).get("degraded", [])]


def flip(path, offset=None):
    """Turns one bit over."""
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if offset is None else offset] ^= 1
    path.write_bytes(content)


class Tampering:
    """A copy of the world, something done to it while it was stopped, and a look at the result."""

    def __init__(self, world):
        self.world = world
        self.problems = []

    @property
    def name(self):
        return self.__doc__.strip().rstrip(".")

    def expect(self, condition, problem):
        if not condition:
            self.problems.append(problem)

    def run(self, folder):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        copy_data(self.world.data, self.data)
        self.tamper()
        server = self.serve()
        if server.wait_until_listening():
            try:
                self.look(server)
            finally:
                server.stop()
        else:
            self.refused(server.words())
        return self.problems

    def serve(self):
        return Server(self.world.binary, self.data)

    def tamper(self):
        raise NotImplementedError

    def look(self, server):
        raise NotImplementedError

    def refused(self, words):
        self.problems.append(f"the server does not start: {words}")

    def push(self, server, commit="update", ref="refs/heads/audit"):
        return self.world.alice.push(server, self.world.clone, "platform",
                                     f"{self.world.commits[commit]}:{ref}")

    def sql(self, *statement):
        database = sqlite3.connect(self.data / "ledger.db")
        with database:
            database.execute(*statement)
        # Into the file itself, as whoever copies the file would find it.
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()

    def expect_stopped(self, server, size):
        """Nothing is signed or written any more; what can be read is read."""
        status, what = degraded(server)
        self.expect(status == 200 and "log" in what, f"/readyz: {status} {what}")
        done = self.push(server)
        self.expect(done.code != 0, "a push was accepted")
        token = server.on_host("token", "create", "--identity", "alice")
        self.expect(token.code not in (0, 2), f"token create: {token.text}")
        served = self.world.alice.git(self.world.clone, "ls-remote",
                                      self.world.alice.remote(server, "platform"))
        self.expect(served.code == 0, f"ls-remote: {served.text}")
        fsck = server.on_host("fsck")
        self.expect(fsck.code == 70, f"fsck: {fsck.text}")
        now = len(checks.Ledger(self.data).events)
        self.expect(now == size, f"the log grew from {size} to {now}")


class OlderLedger(Tampering):
    """an older copy of the ledger is put back"""

    def tamper(self):
        old = self.folder / "old"
        copy_data(self.data, old)
        steps = self.folder / "steps"
        server = Server(self.world.binary, self.data, steps=steps).start()
        must(self.push(server), "git push")
        wait_until_quiet(steps)
        server.stop()
        self.high_water = (self.data / "high-water").read_bytes()
        for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
            (self.data / name).unlink(missing_ok=True)
            if (old / name).exists():
                shutil.copy(old / name, self.data / name)
        self.size = len(checks.Ledger(self.data).events)

    def look(self, server):
        self.expect_stopped(server, self.size)
        self.expect((self.data / "high-water").read_bytes() == self.high_water,
                    "the high-water file was changed")
        self.expect("older copy" in server.words(),
                    f"nobody is told why: {server.words()}")


class OlderStore(Tampering):
    """the whole store is put back but for its high-water file"""

    def tamper(self):
        away = self.folder / "high-water"
        server = Server(self.world.binary, self.data).start()
        must(self.push(server), "git push")
        server.stop()
        shutil.copy(self.data / "high-water", away)
        shutil.rmtree(self.data)
        copy_data(self.world.data, self.data)
        shutil.copy(away, self.data / "high-water")
        self.size = len(checks.Ledger(self.data).events)

    def look(self, server):
        self.expect_stopped(server, self.size)


class NoHighWater(Tampering):
    """the high-water file is gone"""

    def tamper(self):
        (self.data / "high-water").unlink()
        self.size = len(checks.Ledger(self.data).events)

    def look(self, server):
        self.expect_stopped(server, self.size)

    def refused(self, words):
        self.expect("high-water" in words, f"nobody is told why: {words}")


class NewestEntry(Tampering):
    """a byte of the newest log entry is turned"""

    def tamper(self):
        events = checks.Ledger(self.data).events
        self.size = len(events)
        index = self.index(events)
        database = sqlite3.connect(self.data / "ledger.db")
        (text,) = database.execute("SELECT bytes FROM entries WHERE idx = ?", (index,)).fetchone()
        database.close()
        # Another version number: still JSON, still an entry.
        changed = text.replace(b'"specversion":"1.0"', b'"specversion":"1.1"')
        assert changed != text
        self.sql("UPDATE entries SET bytes = ? WHERE idx = ?", (changed, index))

    def index(self, events):
        return len(events) - 1

    def look(self, server):
        self.expect_stopped(server, self.size)


class OldEntry(NewestEntry):
    """a byte of the first log entry is turned"""

    def index(self, events):
        return 0

    def look(self, server):
        """Start does not read everything; the checks that do find it."""
        fsck = server.on_host("fsck")
        self.expect(fsck.code == 70 and "log" in fsck.out, f"fsck: {fsck.text}")
        audit = server.on_host("audit", "verify", "--trust", self.data / "trust.json")
        self.expect(audit.code in (4, 70), f"audit verify: {audit.text}")


class RefRow(Tampering):
    """a ref state of the ledger is moved back"""

    def tamper(self):
        first = bytes.fromhex(self.world.commits["first"])
        self.sql("UPDATE refs SET commit_oid = ? WHERE repository = 'platform' AND "
                 "ref = 'refs/heads/audit'", (first,))
        self.size = len(checks.Ledger(self.data).events)

    def look(self, server):
        self.expect_stopped(server, self.size)


class RefFile(Tampering):
    """a ref file is moved back"""

    def tamper(self):
        self.file = self.data / "repositories/platform.git/refs/heads/audit"
        self.file.write_text(self.world.commits["first"] + "\n")

    def look(self, server):
        status, what = degraded(server)
        self.expect(status == 200 and what == ["ref-file"], f"/readyz: {status} {what}")
        self.problems += checks.check_served(server, self.world, checks.Ledger(self.data))
        self.expect(server.on_host("fsck").code == 70, "fsck does not find it")
        repaired = server.on_host("fsck", "--repair-refs")
        self.expect(repaired.code == 0, f"fsck --repair-refs: {repaired.text}")
        self.expect(self.file.read_text().strip() == self.world.commits["second"], "not mended")
        self.expect(degraded(server)[1] == [], "the alarm stays")
        self.expect(self.push(server).code == 0, "the next push fails")


class StrayRef(Tampering):
    """a ref file is put where no ref is"""

    def tamper(self):
        self.file = self.data / "repositories/platform.git/refs/heads/stray"
        self.file.write_text(self.world.commits["first"] + "\n")

    def look(self, server):
        self.expect(degraded(server)[1] == ["ref-file"], f"/readyz: {degraded(server)}")
        self.problems += checks.check_served(server, self.world, checks.Ledger(self.data))
        self.expect(server.on_host("fsck", "--repair-refs").code == 0, "fsck --repair-refs")
        self.expect(not self.file.exists(), "the stray ref stays")


class PackByte(Tampering):
    """a byte of the newest pack is turned"""

    def tamper(self):
        packs = sorted((self.data / "repositories/platform.git/objects/pack").glob("*.pack"),
                       key=lambda path: path.stat().st_mtime_ns)
        flip(packs[-1], 20)

    def look(self, server):
        fsck = server.on_host("fsck")
        self.expect(fsck.code == 70 and "platform" in fsck.out, f"fsck: {fsck.text}")
        status, what = degraded(server)
        self.expect(status == 200 and "object" in what, f"/readyz: {status} {what}")
        done = self.world.alice.git(self.world.clone, "ls-remote",
                                    self.world.alice.remote(server, "platform"))
        self.expect("refs/heads/audit" not in done.out, f"the damaged ref is served: {done.text}")


class LostTip(Tampering):
    """the pack of a tip is lost"""

    def tamper(self):
        for file in (self.data / "repositories/platform.git/objects/pack").glob("*"):
            file.unlink()

    def look(self, server):
        status, what = degraded(server)
        self.expect(status == 200 and "object" in what, f"/readyz: {status} {what}")
        done = self.world.alice.git(self.world.clone, "ls-remote",
                                    self.world.alice.remote(server, "platform"))
        self.expect("refs/heads/" not in done.out, f"damaged refs are served: {done.text}")
        system = self.world.alice.git(self.world.clone, "ls-remote",
                                      self.world.alice.remote(server, "system"))
        self.expect("refs/heads/audit" in system.out, f"system is not served: {system.text}")


class ArchiveByte(Tampering):
    """a byte of every cached archive is turned"""

    def tamper(self):
        self.archives = list((self.data / "snapshots/sha256").glob("*.tar"))
        assert self.archives
        for archive in self.archives:
            flip(archive)

    def look(self, server):
        """Built anew at once, or refused by whoever gets it; never taken for the real one."""
        into = self.folder / "tree"
        done = self.world.alice.statehouse(
            server, "snapshot", "get", "-R", "platform", "--ref", "audit", "--trust",
            self.data / "trust.json", "--into", into)
        self.expect(done.code in (0, 4), f"snapshot get: {done.text}")
        file = into / "apps/shop.yaml"
        self.expect(done.code == 4 or "mark: second" in file.read_text(), "damage was delivered")
        self.expect(server.on_host("fsck").code == 0, "a damaged cache fails fsck")
        for archive in self.archives:
            digest = hashlib.sha256(archive.read_bytes()).hexdigest() if archive.exists() else None
            self.expect(digest in (None, archive.stem), f"{archive.name} is still damaged")


class Evidence(Tampering):
    """the evidence behind an entry is changed"""

    def tamper(self):
        self.sql("UPDATE evidence SET bytes = CAST('{}' AS BLOB) WHERE name = 'decision'")

    def look(self, server):
        fsck = server.on_host("fsck")
        self.expect(fsck.code == 70 and "evidence" in fsck.out, f"fsck: {fsck.text}")


class ClockBehind(Tampering):
    """the clock is a day behind the log"""

    def tamper(self):
        self.size = len(checks.Ledger(self.data).events)

    def serve(self):
        return Server(self.world.binary, self.data, behind=DAY)

    def look(self, server):
        done = self.push(server)
        self.expect(done.code != 0 and "clock" in done.err, f"the push: {done.text}")
        token = server.on_host("token", "create", "--identity", "alice")
        self.expect(token.code == 7 and "clock" in token.err, f"token create: {token.text}")
        status, text = server.get("/readyz")
        self.expect("clock" in text, f"/readyz says nothing of it: {status} {text}")
        self.expect(len(checks.Ledger(self.data).events) == self.size, "something was signed")
        self.problems += checks.check_served(server, self.world, checks.Ledger(self.data))
        server.stop()
        right = Server(self.world.binary, self.data).start()
        self.expect(self.push(right).code == 0, "the right clock does not help")
        right.stop()


class SecondProcess(Tampering):
    """a second server is started on the same directory"""

    def tamper(self):
        self.first = Server(self.world.binary, self.data).start()

    def look(self, server):
        self.first.kill()
        self.problems.append("two servers run on one directory")

    def refused(self, words):
        self.expect("another process" in words or "lock" in words, f"nobody is told why: {words}")
        self.expect(self.push(self.first).code == 0, "the first server suffers")
        self.expect(self.first.stop() == 0, "the first server does not stop")


def all_tampering(world):
    kinds = (OlderLedger, OlderStore, NoHighWater, NewestEntry, OldEntry, RefRow, RefFile, StrayRef,
             PackByte, LostTip, ArchiveByte, Evidence, ClockBehind, SecondProcess)
    return [kind(world) for kind in kinds]
