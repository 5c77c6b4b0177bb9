"""What the hostile checks share: bytes to a running server, its answers, and named checks.

A module of checks is started by hostile.sh as

    python3 hostile_X.py URL WORK PID

WORK is the scratch folder with the people in it, PID the server. Each check prints one line, `ok`
or `FAILED` and its name; after each the server must be the same process and answer at once.
"""

import contextlib
import http.client
import json
import os
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from urllib.parse import urlsplit

URL, WORK, PID = urlsplit(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
SOURCE = Path(__file__).resolve().parents[2]
PROMPT_SECONDS = 5.0  # for an answer from memory, on a machine that is busy

_checks = []


def token_of(person):
    return (WORK / person / "token").read_text().strip()


class Answer:
    def __init__(self, status, headers, body, cut=False):
        self.status, self.headers, self.body = status, headers, body
        self.cut = cut  # it ended before its end

    def header(self, name):
        return dict((n.lower(), v) for n, v in self.headers).get(name)

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


def connect(timeout=30):
    return socket.create_connection((URL.hostname, URL.port), timeout=timeout)


def _send(sock, pieces):
    """A server that refuses early closes while we still send: that is its right."""
    try:
        for piece in pieces:
            sock.sendall(piece)
    except OSError:
        pass


def read_answer(sock, method="GET"):
    """The next answer, or None when the connection ends without one."""
    response = http.client.HTTPResponse(sock, method=method)
    try:
        response.begin()
    except (http.client.HTTPException, ConnectionError):
        return None
    try:
        return Answer(response.status, response.getheaders(), response.read())
    except (http.client.IncompleteRead, ConnectionError):
        return Answer(response.status, response.getheaders(), b"", cut=True)
    finally:
        response.close()


def _exchange(sock, pieces, method):
    """Reads one answer while the pieces are being sent."""
    sender = threading.Thread(target=_send, args=(sock, pieces), daemon=True)
    sender.start()
    answer = read_answer(sock, method)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)  # wakes the sender, should it still wait
    sender.join(10)
    assert not sender.is_alive(), "the server went on reading after its answer"
    return answer


def exchange(pieces, method="GET"):
    """Sends bytes, or pieces without end, and reads one answer meanwhile."""
    with connect() as sock:
        return _exchange(sock, [pieces] if isinstance(pieces, bytes) else pieces, method)


def everything(data, timeout=10):
    """All bytes the server sends until it closes. Raises TimeoutError when it keeps it open."""
    with connect(timeout) as sock:
        threading.Thread(target=_send, args=(sock, [data]), daemon=True).start()
        got = b""
        try:
            while piece := sock.recv(65536):
                got += piece
        except ConnectionError:
            pass
        return got


def head(method, path, person=None, headers=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: store"]
    if person:
        lines.append(f"Authorization: Bearer {token_of(person)}")
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1")


def request(method, path, person=None, body=None, headers=()):
    if body is None:
        return exchange(head(method, path, person, headers), method)
    length = [*headers, f"Content-Length: {len(body)}"]
    return exchange([head(method, path, person, length), body], method)


def chunked(pieces):
    for piece in pieces:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def control(method, path, body=b""):
    """The host operator's socket."""
    length = [f"Content-Length: {len(body)}"] if method == "POST" else []
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(str(WORK / "data" / "control.sock"))
        return _exchange(sock, [head(method, path, None, length), body], method)


def expect_problem(answer, *statuses):
    """A refusal in the one form that the interface promises."""
    assert answer is not None, "the connection ended without an answer"
    assert answer.status in (statuses or range(400, 500)), answer
    assert answer.header("content-type") == "application/problem+json", answer.headers
    document = answer.json()
    assert document["status"] == answer.status and document["code"] and document["detail"], document
    expect_printable(document["detail"])


def expect_printable(text):
    bad = [c for c in text if c != "\n" and (ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0)]
    assert not bad, f"control characters in {text!r}"


# --- checks ---------------------------------------------------------------------------------------


def check(function):
    """One check, named by its function."""
    _checks.append((function.__name__.replace("_", " "), function, ()))
    return function


def check_each(cases):
    """One check per case: {name: argument}."""
    def register(function):
        for name, argument in cases.items():
            _checks.append((f"{function.__name__.replace('_', ' ')}: {name}", function,
                            (argument,)))
        return function
    return register


def expect_alive():
    os.kill(PID, 0)
    started = time.monotonic()
    answer = request("GET", "/healthz")
    assert answer is not None and answer.status == 200, f"/healthz answered {answer}"
    seconds = time.monotonic() - started
    assert seconds < PROMPT_SECONDS, f"/healthz took {seconds:.1f} s"


class _MemoryWatch(threading.Thread):
    """The most that the server and its children (git, gpg) had in memory at one time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.kib_max = 0

    @staticmethod
    def _resident_kib(pid):
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    def _children(self):
        for task in os.listdir(f"/proc/{PID}/task"):
            with open(f"/proc/{PID}/task/{task}/children", encoding="ascii") as file:
                yield from file.read().split()

    def run(self):
        while True:
            total = 0
            try:
                total = self._resident_kib(PID)
                for child in self._children():
                    total += self._resident_kib(child)
            except (OSError, IndexError):
                pass  # gone meanwhile
            self.kib_max = max(self.kib_max, total)
            time.sleep(0.05)


def run():
    watch = _MemoryWatch()
    watch.start()
    failed = 0
    for name, function, arguments in _checks:
        try:
            function(*arguments)
            expect_alive()
            print(f"ok      {name}", flush=True)
        except Exception:  # any way in which a check ends early is its failure
            failed += 1
            print(f"FAILED  {name}")
            print("".join("        " + line for line in
                          traceback.format_exc()[-3000:].splitlines(True)), flush=True)
    with open(WORK / "memory", "a", encoding="ascii") as file:
        file.write(f"{watch.kib_max}\n")
    sys.exit(1 if failed else 0)
