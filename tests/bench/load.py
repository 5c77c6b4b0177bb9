"""Load: wrk for many small requests, and our own driver for prepared pushes."""

import http.client
import json
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from servers import BenchError

_LUA = """
local requests = {{}}
{requests}
local at = 0
request = function()
  at = at % #requests + 1
  return requests[at]
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\n@{{"requests": %d, "microseconds": %d, "bytes": %d, "p50": %d, "p99": %d, "bad": %d}}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50),
    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def lua_string(data):
    """A Lua literal of any bytes."""
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'


class Request:
    def __init__(self, method, path, headers=None, body=b""):
        self.method, self.path, self.headers, self.body = method, path, headers or {}, body

    def lua(self, port, more_headers):
        headers = {"Host": f"127.0.0.1:{port}"} | self.headers | more_headers
        if self.method == "POST":
            headers["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return lua_string("\r\n".join(lines).encode() + b"\r\n\r\n" + self.body)

    def send(self, port, more_headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(self.method, self.path, self.body or None, self.headers | more_headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise BenchError(f"{self.method} {self.path}: status {answer.status}: {body[:500]!r}")
        return body


def wrk(server, requests, *, folder, connections, seconds):
    """Sends `requests` in turn on each connection. Any answer but success voids the result."""
    lines = [f"requests[{number}] = {request.lua(server.port, server.headers)}"
             for number, request in enumerate(requests, 1)]
    script = folder / "wrk.lua"
    script.write_text(_LUA.format(requests="\n".join(lines)))
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
                           "-s", script, server.url], capture_output=True, text=True, check=False)
    report = [line for line in done.stdout.splitlines() if line.startswith("@")]
    if done.returncode != 0 or not report:
        raise BenchError(f"wrk: {done.stdout}{done.stderr}")
    numbers = json.loads(report[0][1:])
    if numbers["bad"] or not numbers["requests"]:
        raise BenchError(f"wrk counted {numbers['bad']} bad answers:\n{done.stdout}")
    elapsed = numbers["microseconds"] / 1e6
    return {"perSecond": numbers["requests"] / elapsed, "bytesPerSecond": numbers["bytes"] / elapsed,
            "p50Microseconds": numbers["p50"], "p99Microseconds": numbers["p99"]}


def percentile(sorted_values, share):
    return sorted_values[int(share * (len(sorted_values) - 1))]


class Pusher(threading.Thread):
    """Sends prepared receive-pack requests over one keep-alive connection, one after the other."""

    def __init__(self, server, repository, bodies, barrier):
        super().__init__()
        self.server, self.bodies, self.barrier = server, bodies, barrier
        self.path = f"/git/{repository}.git/git-receive-pack"
        self.latencies = []
        self.problem = None

    def run(self):
        headers = {"Content-Type": "application/x-git-receive-pack-request",
                   "Accept": "application/x-git-receive-pack-result"} | self.server.headers
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.connect()
        self.barrier.wait()
        for body in self.bodies:
            started = time.perf_counter()
            connection.request("POST", self.path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200 or b"unpack ok" not in text or b"ok refs/heads/" not in text:
                self.problem = f"{self.path}: status {answer.status}: {text[:1000]!r}"
                return
            self.latencies.append(time.perf_counter() - started)
        connection.close()


def push_all(server, bodies_of):
    """`bodies_of`: {repository: [body]}; one connection each, all at once."""
    barrier = threading.Barrier(len(bodies_of) + 1)
    pushers = [Pusher(server, name, bodies, barrier) for name, bodies in bodies_of.items()]
    for pusher in pushers:
        pusher.start()
    barrier.wait()
    started = time.perf_counter()
    for pusher in pushers:
        pusher.join()
    elapsed = time.perf_counter() - started
    problems = [pusher.problem for pusher in pushers if pusher.problem]
    if problems:
        raise BenchError("push refused: " + problems[0])
    latencies = sorted(latency for pusher in pushers for latency in pusher.latencies)
    return {"perSecond": len(latencies) / elapsed, "pushes": len(latencies),
            "p50Microseconds": percentile(latencies, 0.5) * 1e6,
            "p99Microseconds": percentile(latencies, 0.99) * 1e6}


def in_parallel(function, items, workers=2):
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))
