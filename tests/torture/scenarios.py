"""What is under way when a step breaks, and how to see whether it happened."""

import json


class Scenario:
    """One change of a store. `act` asks for it; `state` says "old", "new" or what is torn."""

    name = ""

    def act(self, world, server):
        raise NotImplementedError

    def state(self, world, ledger):
        raise NotImplementedError


class Push(Scenario):
    """Pushes prepared commits to refs of `platform`; `updates` is {ref: name of the commit}."""

    def __init__(self, name, updates):
        self.name = name
        self.updates = updates

    def act(self, world, server):
        words = [f"{world.commits[commit] if commit else ''}:{ref}"
                 for ref, commit in self.updates.items()]
        return world.alice.push(server, world.clone, "platform", *words)

    def state(self, world, ledger):
        entries = {(event["data"]["ref"], event["data"]["commit"]) for event in ledger.events
                   if event["type"] == "statehouse.ref.updated" and
                   event["data"]["repository"] == "platform"}
        moved = [(ref, world.commits[commit] if commit else None) in entries
                 for ref, commit in self.updates.items()]
        return "new" if all(moved) else "torn" if any(moved) else "old"


class Merge(Scenario):
    """Merges a promotion that is approved already."""

    def __init__(self, name, repository, number_of):
        self.name = name
        self.repository = repository
        self.number_of = number_of

    def act(self, world, server):
        return world.bob.statehouse(server, "promotion", "merge", self.number_of(world))

    def state(self, world, ledger):
        """The version, the promotion and what it activates belong to one transaction."""
        number = int(self.number_of(world))
        moves = [event for event in ledger.events
                 if event["type"] == "statehouse.ref.updated" and
                 event["data"]["promotion"] == number]
        merged = ledger.promotions[number] == "merged"
        if bool(moves) != merged or len(moves) > 1:
            return f"torn: {len(moves)} moves, promotion merged: {merged}"
        return "new" if merged else "old"


class Token(Scenario):
    name = "token"

    def act(self, world, server):
        done = server.on_host("token", "create", "--identity", "alice", "-o", "json")
        if done.code == 0:
            token = json.loads(done.out)["token"]
            if server.get("/v1/whoami", token)[0] != 200:
                done.code, done.err = 1, "the new token is not recognised"
        return done

    def state(self, world, ledger):
        created = sum(event["type"] == "statehouse.token.created" for event in ledger.events)
        return "new" if created == 3 and ledger.tokens == 3 else \
            "old" if created == 2 and ledger.tokens == 2 else f"torn: {created}, {ledger.tokens}"


def all_scenarios():
    return [
        Push("update", {"refs/heads/audit": "update"}),
        Push("create", {"refs/heads/topic/new": "update"}),
        Push("two-refs", {"refs/heads/topic/a": "update", "refs/heads/topic/b": "aside"}),
        Push("delete", {"refs/heads/topic/old": None}),
        Merge("promotion", "platform", lambda world: world.deploy_promotion),
        Merge("system", "system", lambda world: world.system_promotion),
        Token(),
    ]
