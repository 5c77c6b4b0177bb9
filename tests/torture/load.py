"""Many pushers at once, and a server that is killed again and again (fixed seed)."""

import random
import threading
import time
from pathlib import Path

import checks
from store import Server, copy_data

PUSHERS = 4
ROUNDS = 5
COMMITS_EACH = 60
SEED = 20260301


class Pusher(threading.Thread):
    """Pushes its own chain of commits to its own branch; remembers what was acknowledged."""

    def __init__(self, world, number, chain):
        super().__init__()
        self.world = world
        self.ref = f"refs/heads/topic/load-{number}"
        self.chain = chain
        self.sent = 0
        self.acknowledged = None
        self.server = None
        self.stopping = False

    def run(self):
        while not self.stopping and self.sent < len(self.chain):
            commit = self.chain[self.sent]
            done = self.world.alice.push(self.server, self.world.clone, "platform",
                                         f"{commit}:{self.ref}")
            if done.code != 0:
                return
            self.acknowledged = commit
            self.sent += 1


def make_chains(world, rng):
    """Chains of signed commits, made before the clock runs."""
    alice, clone = world.alice, world.clone
    chains = []
    for number in range(PUSHERS):
        tip, chain = world.commits["second"], []
        for index in range(COMMITS_EACH // PUSHERS):
            text = f"kind: ConfigMap\ndata: {{mark: '{number}-{index}-{rng.random()}'}}\n"
            blob = alice.git(clone, "hash-object", "-w", "--stdin", stdin=text.encode()).out.strip()
            tree = alice.git(clone, "mktree",
                             stdin=f"100644 blob {blob}\tload.yaml\n".encode()).out.strip()
            tip = alice.git(clone, "commit-tree", "-S", "-p", tip, "-m", f"{number} {index}",
                            tree).out.strip()
            chain.append(tip)
        chains.append(chain)
    return chains


class KillUnderLoad:
    name = "kill -9 under load"

    def __init__(self, world):
        self.world = world

    def run(self, folder):
        rng = random.Random(SEED)
        data = Path(folder) / "data"
        copy_data(self.world.data, data)
        chains = make_chains(self.world, rng)
        acknowledged, position, problems = {}, [0] * PUSHERS, []
        for _ in range(ROUNDS):
            server = Server(self.world.binary, data).start()
            pushers = []
            for number, chain in enumerate(chains):
                pusher = Pusher(self.world, number, chain[position[number]:])
                pusher.server = server
                pushers.append(pusher)
            for pusher in pushers:
                pusher.start()
            time.sleep(0.4 + rng.random())
            server.kill()
            for number, pusher in enumerate(pushers):
                pusher.stopping = True
                pusher.join()
                if pusher.acknowledged:
                    acknowledged[("platform", pusher.ref)] = pusher.acknowledged
                position[number] += pusher.sent
            problems += self.look(data, acknowledged, chains, position)
        if len(acknowledged) < PUSHERS:
            problems.append(f"only {len(acknowledged)} pushers were ever served")
        return problems

    def look(self, data, acknowledged, chains, position):
        problems = []
        server = Server(self.world.binary, data).start()
        try:
            ledger = checks.Ledger(data)
            for number, chain in enumerate(chains):
                key = ("platform", f"refs/heads/topic/load-{number}")
                now, known = ledger.live().get(key), acknowledged.get(key)
                # One push beyond the last answer may have been committed all the same.
                unknown = chain[position[number]] if position[number] < len(chain) else None
                if now not in (known, unknown):
                    problems.append(f"{key[1]} stands at {now}, acknowledged was {known}")
                elif now is not None and now == unknown:
                    position[number] += 1
                    acknowledged[key] = now
            problems += checks.check_running(server, self.world)
            problems += checks.check_served(server, self.world, ledger)
            problems += checks.check_log(ledger)
            problems += checks.check_objects(data, ledger)
        finally:
            server.stop()
        return problems + checks.check_files(data, checks.Ledger(data))
