"""A proxy between a reconciler and its store that tells one lie at a time.

    python3 liar.py UPSTREAM DATA LIE

Prints `listening on URL`. The file LIE names the lie (`none` passes everything on). DATA is the
store's data directory: the lies of somebody who has stolen a key are signed with it.
"""

import base64
import datetime
import http.client
import http.server
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

UPSTREAM, DATA, LIE = urlsplit(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
RECORDED = LIE.with_suffix(".recorded")
PKCS8_PREFIX = bytes.fromhex("302e020100300506032b657004220420")


def sign(seed, message):
    """Ed25519 by openssl: Python's own library has none."""
    with tempfile.TemporaryDirectory() as folder:
        key, text = Path(folder, "key"), Path(folder, "text")
        key.write_bytes(PKCS8_PREFIX + seed)
        text.write_bytes(message)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-keyform",
                               "DER", "-in", text], check=True, capture_output=True).stdout


def store_seed(name):
    return base64.b64decode((DATA / "keys" / name).read_text())


def pae(envelope, payload):
    kind = envelope["payloadType"].encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def payload_of(envelope):
    return json.loads(base64.b64decode(envelope["payload"]))


def rewrite(envelope, change, seed):
    """The same envelope about something else; signed by `seed`, or not signed anew when None."""
    content = payload_of(envelope)
    change(content)
    payload = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    envelope["payload"] = base64.b64encode(payload).decode()
    if seed is not None:
        signature = sign(seed, pae(envelope, payload))
        envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()


def set_predicate(name, value):
    return lambda content: content["predicate"].update({name: value})


def expire(content):
    issued = datetime.datetime.fromisoformat(content["issued"].replace("Z", "+00:00"))
    expires = issued + datetime.timedelta(milliseconds=1)
    content["expires"] = expires.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def flip_proof(answer):
    lines = answer["proof"].split("\n")
    lines[2] = base64.b64encode(bytes(32)).decode()
    answer["proof"] = "\n".join(lines)


def other_checkpoint(answer):
    """Signed by the log's own key: a log that shows this reader another tree."""
    head, note = answer["proof"].split("\n\n", 1)
    body, signature = note.split("\n\n", 1)
    lines = body.split("\n")
    lines[2] = base64.b64encode(b"\x01" * 32).decode()
    text = "\n".join(lines) + "\n"
    words = signature.rstrip("\n").split(" ")
    hint = base64.b64decode(words[-1])[:4]
    words[-1] = base64.b64encode(hint + sign(store_seed("log"), text.encode())).decode()
    answer["proof"] = head + "\n\n" + text + "\n" + " ".join(words) + "\n"
    def name_it(content):
        content["checkpoint"]["root"] = lines[2]
    rewrite(answer["head"], name_it, store_seed("statements"))


def other_entry(answer):
    event = json.loads(base64.b64decode(answer["entry"]))
    event["nonce"] = "0" * 32
    entry = json.dumps(event, separators=(",", ":"), sort_keys=True).encode()
    answer["entry"] = base64.b64encode(entry).decode()


def on_statement(change, key="statements"):
    def lie(answer):
        rewrite(answer["statement"], change, store_seed(key) if key else None)
    return lie


def on_head(change, key="statements"):
    def lie(answer):
        rewrite(answer["head"], change, store_seed(key) if key else None)
    return lie


def flip_signature(answer):
    signature = bytearray(base64.b64decode(answer["statement"]["signatures"][0]["sig"]))
    signature[3] ^= 1
    answer["statement"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()


def recorded_part(*names):
    def lie(answer):
        old = json.loads(RECORDED.read_text())
        for name in names:
            answer[name] = old[name]
    return lie


def name_version_nine(content):
    for ref in content["refs"]:
        ref["version"] = 9


SNAPSHOT_LIES = {
    "wrong-key": on_statement(lambda content: None, "log"),
    "flipped-signature": flip_signature,
    "unsigned-change": on_statement(set_predicate("version", 9), None),
    "wrong-origin": on_statement(set_predicate("origin", "evil.example.org/store")),
    "wrong-ref": on_statement(set_predicate("ref", "refs/heads/audit")),
    "wrong-repository": on_statement(set_predicate("repository", "other")),
    "unlogged-statement": on_statement(set_predicate("kind", "rollback")),
    "stale-head": on_head(expire),
    "extended-head": on_head(lambda content: content.update({"expires": "2099-01-01T00:00:00.000Z"}),
                             None),
    "head-of-another-origin": on_head(lambda content: content.update({"origin": "evil.example.org"})),
    "head-of-an-earlier-epoch": on_head(lambda content: content.update({"epoch": 0})),
    "head-names-another-version": on_head(name_version_nine),
    "head-without-the-ref": on_head(lambda content: content.update({"refs": []})),
    "no-head": lambda answer: answer.update({"head": None}),
    "lower-version": recorded_part("statement", "entry", "proof", "head", "consistency"),
    "old-statement-new-head": recorded_part("statement", "entry", "proof"),
    "other-entry": other_entry,
    "flipped-proof": flip_proof,
    "other-checkpoint": other_checkpoint,
    "no-consistency": lambda answer: answer.update({"consistency": None}),
    "false-consistency": lambda answer: answer.update(
        {"consistency": [base64.b64encode(bytes(32)).decode()]}),
    "not-a-snapshot": lambda answer: answer.clear(),
}


def lie_about_archive(lie, body):
    if lie == "flipped-archive":
        return body[:700] + bytes([body[700] ^ 1]) + body[701:]
    if lie == "longer-archive":
        return body + bytes(512)
    if lie == "shorter-archive":
        return body[:-512]
    return body


class Liar(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def ask(self):
        connection = http.client.HTTPConnection(UPSTREAM.hostname, UPSTREAM.port, timeout=60)
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() in ("authorization", "accept", "content-type")}
        connection.request("GET", self.path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()

    def do_GET(self):  # noqa: N802
        lie = LIE.read_text().strip()
        status, kind, body = self.ask()
        if lie == "down":
            status, kind, body = 503, "text/html", b"<html>gateway</html>"
        elif lie == "gone":
            status, kind, body = 404, "application/problem+json", b'{"code":"not-found"}'
        elif lie == "garbage":
            body = b"\x00\xff{{{{"
        elif self.path.startswith("/v1/snapshot") and status == 200:
            if lie == "record":
                RECORDED.write_bytes(body)
            if lie in SNAPSHOT_LIES:
                answer = json.loads(body)
                SNAPSHOT_LIES[lie](answer)
                body = json.dumps(answer).encode()
        elif self.path.startswith("/v1/archive") and status == 200:
            body = lie_about_archive(lie, body)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # A connection that ends in the middle of an archive.
        cut = lie == "cut-archive" and self.path.startswith("/v1/archive")
        self.wfile.write(body[:len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
server.daemon_threads = True
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
