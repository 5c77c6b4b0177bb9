"""Objects, packs and pushes made by hand, for the hostile checks.

mallory may push to refs/heads/guest/* of `platform`.
"""

import hashlib
import itertools
import struct
import subprocess
import time
import zlib

from hostile_client import WORK, expect_printable, expect_problem, request

GIT = "/git/platform.git"
UPLOAD, RECEIVE = GIT + "/git-upload-pack", GIT + "/git-receive-pack"
ZERO = b"0" * 40
UNKNOWN = b"5" * 40
WHO = b"mallory <mallory@example.org> "
HIDDEN = (WORK / "hidden").read_text().strip().encode()
COMMIT, TREE, BLOB, OFS_DELTA, REF_DELTA = 1, 2, 3, 6, 7
KINDS = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob"}
MIB = 1 << 20


def pkt(data):
    return b"%04x%s" % (len(data) + 4, data)


# --- objects and packs --------------------------------------------------------------------------


def oid_of(kind, data):
    return hashlib.sha1(b"%s %d\0%s" % (KINDS[kind], len(data), data)).hexdigest().encode()


def tree(*entries):
    """(mode, name, id in hexadecimal), in the order given."""
    return b"".join(b"%s %s\0%s" % (mode, name, bytes.fromhex(oid.decode()))
                    for mode, name, oid in entries)


def signed(payload, namespace="git"):
    """A commit as git signs it: the signature is the last header."""
    key = WORK / "mallory" / ".ssh" / "id_ed25519"
    armor = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key],
                           input=payload, capture_output=True, check=True).stdout
    headers, message = payload.split(b"\n\n", 1)
    field = b"gpgsig " + armor.rstrip(b"\n").replace(b"\n", b"\n ") + b"\n"
    return headers + b"\n" + field + b"\n" + message


def payload_of(root, message=b"Change\n", who=b"mallory <mallory@example.org>", parents=()):
    when = b"%d +0000" % int(time.time())
    return b"tree %s\n%sauthor %s %s\ncommitter %s %s\n\n%s" % (
        root, b"".join(b"parent %s\n" % parent for parent in parents), who, when, who, when,
        message)


def size_header(kind, size):
    byte, size = kind << 4 | size & 15, size >> 4
    out = bytearray()
    while size:
        out.append(byte | 128)
        byte, size = size & 127, size >> 7
    out.append(byte)
    return bytes(out)


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class Pack:
    """A pack built by hand, wrong wherever a check wants it to be."""

    def __init__(self):
        self.entries, self.size = [], 12

    def add(self, kind, data, declared=None, prefix=b""):
        entry = size_header(kind, len(data) if declared is None else declared) + prefix + \
            zlib.compress(data, 9)
        self.entries.append(entry)
        self.size += len(entry)
        return self

    def delta(self, source_size, result_size, instructions, back=None, base=None):
        """On the entry `back` bytes before this one, or on the object `base`."""
        data = varint(source_size) + varint(result_size) + instructions
        if base is not None:
            return self.add(REF_DELTA, data, prefix=bytes.fromhex(base.decode()))
        prefix = bytearray([back & 127])
        while back := back >> 7:
            back -= 1
            prefix.insert(0, back & 127 | 128)
        return self.add(OFS_DELTA, data, prefix=bytes(prefix))

    def bytes(self, count=None, version=2, trailer=None):
        count = len(self.entries) if count is None else count
        body = b"PACK" + struct.pack(">II", version, count) + b"".join(self.entries)
        return body + (hashlib.sha1(body).digest() if trailer is None else trailer)


def copy_all(size):
    """Instructions of a delta: the first `size` bytes of the base, of at most 16 MiB."""
    return b"\xf0" + struct.pack("<I", size)[:3]


FILE = b"replicas: 1\n"
FILE_OID = oid_of(BLOB, FILE)
ROOT = tree((b"100644", b"app.yaml", FILE_OID))


def commit_of(objects, root=None, **words):
    """A pack of a signed commit, its root tree (the last of the objects) and the objects."""
    objects = list(objects)
    made = signed(payload_of(root or oid_of(*objects[-1]), **words))
    pack = Pack()
    for kind, data in objects:
        pack.add(kind, data)
    return oid_of(COMMIT, made), pack.add(COMMIT, made)


def plain():
    return commit_of([(BLOB, FILE), (TREE, ROOT)])


# --- pushing ------------------------------------------------------------------------------------


class Report:
    """What came back from a push: by its channels, or as a problem."""

    def __init__(self, answer):
        assert answer is not None, "the connection ended without an answer"
        self.answer, self.said, self.status = answer, b"", b""
        if answer.status != 200:
            expect_problem(answer)
            return
        rest = answer.body
        while rest:
            size = int(rest[:4], 16)
            band, data = rest[4:5], rest[5:size]
            rest = rest[max(size, 4):]
            if band == b"\1":
                self.status += data
            elif band == b"\2":
                self.said += data
        expect_printable(self.said.decode())

    @property
    def accepted(self):
        return b"unpack ok\n" in self.status and b"ng " not in self.status and \
            b"ok refs/" in self.status

    def __repr__(self):
        return f"{self.answer.status} {self.said!r} {self.status!r} {self.answer!r}"


CAPABILITIES = b"report-status side-band-64k"


def refs_of(person="alice"):
    answer = request("GET", "/v1/repository?repository=platform", person)
    assert answer.status == 200, answer
    return {ref["ref"]: ref["commit"] for ref in answer.json()["refs"]}


def push_bytes(body, person="mallory"):
    return Report(request("POST", RECEIVE, person, body))


def command(new, ref=b"refs/heads/guest/x", old=ZERO):
    return old + b" " + new + b" " + ref


_numbers = itertools.count(1)


def new_ref():
    """So that nothing that a check brings in by mistake is in the way of the next."""
    return b"refs/heads/guest/%d" % next(_numbers)


def push(new, pack, ref=None):
    body = pkt(command(new, new_ref() if ref is None else ref) + b"\0 " + CAPABILITIES) + b"0000"
    return push_bytes(body + (pack.bytes() if isinstance(pack, Pack) else pack))


def expect_refused(report, before, *words):
    """`words`: one of these says why."""
    assert not report.accepted, f"accepted: {report}"
    assert refs_of() == before, "a ref moved"
    text = report.said + report.status + report.answer.body
    assert not words or any(word in text for word in words), report
