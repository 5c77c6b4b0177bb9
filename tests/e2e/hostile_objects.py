"""Hostile objects: signature traps, trees, commits, packs and bombs, pushed with a token.

Every push here is one that, but for the attack in it, would be accepted.
"""

import hashlib
import struct
import subprocess
import time
import zlib

from hostile_client import WORK, check, check_each, run
from hostile_pack import (BLOB, COMMIT, FILE, FILE_OID, HIDDEN, MIB, ROOT, TREE, UNKNOWN, WHO,
                          ZERO, Pack, commit_of, copy_all, expect_refused, oid_of, payload_of, plain,
                          push, refs_of, signed, size_header, tree)


@check
def a_push_made_by_hand_is_accepted_when_nothing_is_wrong_with_it():
    new, pack = plain()
    report = push(new, pack, b"refs/heads/guest/good")
    assert report.accepted, report
    assert refs_of()["refs/heads/guest/good"] == new.decode()


# --- signature traps ----------------------------------------------------------------------------


def split_signature(raw):
    start = raw.index(b"gpgsig ")
    end = raw.index(b"\n\n") + 1
    return raw[:start], raw[start:end], raw[end:]


def behind_nul(raw):
    return raw + b"\0evil\n"


def in_the_body(raw):
    headers, field, rest = split_signature(raw)
    return headers + rest + b"\n" + field


def after_the_blank_line(raw):
    headers, field, rest = split_signature(raw)
    return headers + b"\n" + field + rest[1:]


def second_header(raw):
    headers, field, rest = split_signature(raw)
    return headers + field + field + rest


def second_other_header(raw):
    headers, field, rest = split_signature(raw)
    return headers + b"gpgsig x\n" + field + rest


def hidden_header(raw):
    headers, field, rest = split_signature(raw)
    return headers + field + b"gpgsigevil hidden\n" + rest


def sha256_header(raw):
    headers, field, rest = split_signature(raw)
    return headers + field + b"gpgsig-sha256 hidden\n" + rest


def moved_header(raw):
    headers, field, rest = split_signature(raw)
    at = headers.index(b"author ")
    return headers[:at] + field + headers[at:] + rest


def behind_the_armor(raw):
    headers, field, rest = split_signature(raw)
    return headers + field + b" more\n" + rest


def altered_header(raw):
    return raw.replace(b"committer mallory", b"committer Mallory", 1)


def altered_tree(raw):
    return raw.replace(b"tree " + oid_of(TREE, ROOT), b"tree " + oid_of(TREE, b""), 1)


def unsigned(raw):
    headers, _, rest = split_signature(raw)
    return headers + rest


@check_each({function.__name__.replace("_", " "): function for function in (
    behind_nul, in_the_body, after_the_blank_line, second_header, second_other_header,
    hidden_header, sha256_header, moved_header, behind_the_armor, altered_header, altered_tree,
    unsigned)})
def a_signature_trap_is_refused(trap):
    before = refs_of()
    raw = trap(signed(payload_of(oid_of(TREE, ROOT))))
    pack = Pack().add(BLOB, FILE).add(TREE, ROOT).add(TREE, b"").add(COMMIT, raw)
    report = push(oid_of(COMMIT, raw), pack)
    expect_refused(report, before, b"guest/signatures", b"store/objects")


@check
def a_good_signature_of_another_purpose_is_refused():
    before = refs_of()
    raw = signed(payload_of(oid_of(TREE, ROOT)), "approval@statehouse")
    pack = Pack().add(BLOB, FILE).add(TREE, ROOT).add(COMMIT, raw)
    expect_refused(push(oid_of(COMMIT, raw), pack), before, b"guest/signatures")


@check
def a_bad_commit_below_a_good_one_refuses_both():
    before = refs_of()
    below = payload_of(oid_of(TREE, ROOT))
    above = signed(payload_of(oid_of(TREE, ROOT), parents=[oid_of(COMMIT, below)]))
    pack = Pack().add(BLOB, FILE).add(TREE, ROOT).add(COMMIT, below).add(COMMIT, above)
    expect_refused(push(oid_of(COMMIT, above), pack), before, b"guest/signatures")


# --- objects that strict checks refuse ----------------------------------------------------------


def file_named(name):
    return tree((b"100644", name, FILE_OID))


def sorted_names(*names):
    return tree(*((b"100644", name, FILE_OID) for name in names))


TREES = {
    "wrong order": sorted_names(b"b", b"a"),
    "duplicate entries": sorted_names(b"a", b"a"),
    "a file and a folder of one name": tree((b"100644", b"a", FILE_OID),
                                            (b"40000", b"a", oid_of(TREE, ROOT))),
    "a zero-padded mode": tree((b"0100644", b"a", FILE_OID)),
    "a zero-padded folder": tree((b"040000", b"a", oid_of(TREE, ROOT))),
    "a mode of nothing": tree((b"100666", b"a", FILE_OID)),
    "a setuid mode": tree((b"104755", b"a", FILE_OID)),
    "a huge mode": tree((b"7" * 40, b"a", FILE_OID)),
    "a mode that is no number": tree((b"10x644", b"a", FILE_OID)),
    "a null id": tree((b"100644", b"a", ZERO)),
    "a submodule": tree((b"160000", b"a", UNKNOWN)),
    "cut off": ROOT[:-3],
    "no NUL": b"100644 a",
    "a file whose id is a tree's": tree((b"100644", b"a", oid_of(TREE, ROOT))),
    "a folder whose id is a file's": tree((b"40000", b"a", FILE_OID)),
    "names that differ in case": sorted_names(b"A", b"a"),
    "names that differ in accents' form": sorted_names("e\u0301".encode(), "\u00e9".encode()),
}
NAMES = [b"", b".", b"..", b"a/b", b"/etc", b".git", b".GIT", b".Git", b"git~1", b"GIT~1", b".git ",
         b".git.", b".git::$INDEX_ALLOCATION", b".g\xe2\x80\x8cit", b"a\\b", b"\x1b[2J", b"a\nb",
         b"a\x7f", b"\xff\xfe", b"\xc2\x9b2J", "a\u202etxt".encode(), b"CON", b"nul.txt", b"com1",
         b"a ", b"a."]


@check_each(TREES)
def a_tree_that_is_wrong_is_refused(raw):
    before = refs_of()
    new, pack = commit_of([(BLOB, FILE), (TREE, ROOT), (TREE, raw)])
    expect_refused(push(new, pack), before, b"store/", b"objects refused")


@check_each({ascii(name)[2:-1]: name for name in NAMES})
def a_name_that_is_dangerous_somewhere_is_refused(name):
    before = refs_of()
    new, pack = commit_of([(BLOB, FILE), (TREE, file_named(name))])
    expect_refused(push(new, pack), before, b"store/", b"objects refused")


@check_each({"absolute": b"/etc/passwd", "up": b"../../etc/passwd", "into .git": b".git/config",
             "NUL": b"a\0b", "escape": b"\x1b[2J", "drive": b"C:\\x", "long": b"a/" * 3000,
             "empty": b""})
def a_link_that_is_dangerous_is_refused(target):
    before = refs_of()
    raw = tree((b"120000", b"link", oid_of(BLOB, target)))
    new, pack = commit_of([(BLOB, target), (TREE, raw)])
    expect_refused(push(new, pack), before, b"store/", b"objects refused")


@check_each({".gitmodules": b".gitmodules", ".gitattributes": b".gitattributes",
             ".gitignore": b".gitignore", ".mailmap": b".mailmap"})
def a_link_where_git_reads_a_file_is_refused(name):
    before = refs_of()
    raw = tree((b"120000", name, oid_of(BLOB, b"app.yaml")))
    new, pack = commit_of([(BLOB, b"app.yaml"), (TREE, raw)])
    expect_refused(push(new, pack), before, b"store/", b"objects refused")


@check
def a_gitmodules_file_that_runs_a_command_is_refused():
    before = refs_of()
    evil = b'[submodule "a"]\n\tpath = -x\n\turl = --upload-pack=touch\n'
    raw = tree((b"100644", b".gitmodules", oid_of(BLOB, evil)))
    new, pack = commit_of([(BLOB, evil), (TREE, raw)])
    expect_refused(push(new, pack), before, b"store/", b"objects refused")


HEADERS = {
    "two authors": (b"author ", b"author " + WHO + b"1 +0000\nauthor "),
    "no author": (b"author mallory", b"auther mallory"),
    "a wrong zone": (b" +0000\ncommitter", b" +999999\ncommitter"),
    "a date beyond 64 bits": (b"> ", b"> 9999999999999999999999"),
    "a negative date": (b"> ", b"> -"),
    "no address": (b"<mallory@example.org>", b"mallory"),
    "NUL in the author": (b"author mallory", b"author mal\0lory"),
    "two trees": (b"tree ", b"tree " + oid_of(TREE, b"") + b"\ntree "),
    "a tree that is no id": (b"tree ", b"tree zzzz"),
    "a parent that is missing": (b"author ", b"parent " + UNKNOWN + b"\nauthor "),
    "a parent that is hidden": (b"author ", b"parent " + HIDDEN + b"\nauthor "),
    "an unknown header": (b"\n\n", b"\nevil header\n\n"),
}


@check_each(HEADERS)
def a_commit_that_is_wrong_is_refused(change):
    before = refs_of()
    raw = signed(payload_of(oid_of(TREE, ROOT)).replace(*change, 1))
    pack = Pack().add(BLOB, FILE).add(TREE, ROOT).add(TREE, b"").add(COMMIT, raw)
    expect_refused(push(oid_of(COMMIT, raw), pack), before)


@check
def a_hidden_file_is_not_read_by_naming_it():
    before = refs_of()
    hidden = subprocess.run(["git", "-C", WORK / "alice" / "platform", "rev-parse",
                             "HEAD:apps/base/app.yaml"], capture_output=True,
                            check=True).stdout.strip()
    new, pack = commit_of([(TREE, tree((b"100644", b"a", hidden)))])
    expect_refused(push(new, pack), before, b"objects refused")
    base, pack = commit_of([(TREE, ROOT)])
    pack.delta(12, 12, copy_all(12), base=hidden)
    expect_refused(push(base, pack), before, b"objects refused")


@check
def a_huge_commit_is_refused():
    before = refs_of()
    new, pack = commit_of([(BLOB, FILE), (TREE, ROOT)], message=b"a" * (2 * MIB))
    expect_refused(push(new, pack), before)


# --- packs --------------------------------------------------------------------------------------


def whole():
    new, pack = plain()
    return new, pack.bytes()


BYTES = {
    "truncated in the middle": lambda raw: raw[:len(raw) // 2],
    "without its checksum": lambda raw: raw[:-20],
    "its head alone": lambda raw: raw[:12],
    "half of its head": lambda raw: raw[:6],
    "with garbage behind": lambda raw: raw + b"garbage",
    "with a megabyte behind": lambda raw: raw + bytes(MIB),
    "twice": lambda raw: raw + raw,
    "with a wrong checksum": lambda raw: raw[:-20] + bytes(20),
    "with one bit flipped": lambda raw: raw[:40] + bytes([raw[40] ^ 16]) + raw[41:],
    "of version 9": lambda raw: raw[:4] + struct.pack(">I", 9) + raw[8:],
    "with another magic": lambda raw: b"PUCK" + raw[4:],
    "that counts fewer objects": lambda raw: raw[:8] + struct.pack(">I", 2) + raw[12:],
    "that counts more objects": lambda raw: raw[:8] + struct.pack(">I", 4) + raw[12:],
    "that counts four billion objects": lambda raw: raw[:8] + b"\xff" * 4 + raw[12:],
    "of noise": lambda raw: hashlib.shake_128(b"noise").digest(100_000),
    "of zeros": lambda raw: bytes(100_000),
}


@check_each(BYTES)
def a_pack_that_is_wrong_is_refused(change):
    before = refs_of()
    new, raw = whole()
    changed = change(raw)
    expect_refused(push(new, changed), before, b"objects refused")
    if changed[:4] == b"PACK" and len(changed) > 32:  # with a checksum that is right
        changed = changed[:-20] + hashlib.sha1(changed[:-20]).digest()
        if changed != raw:
            expect_refused(push(new, changed), before, b"objects refused")


def blob_bomb(pack):
    pack.add(BLOB, bytes(8 * MIB), 800 * MIB)


def blob_of_all_sizes(pack):
    pack.add(BLOB, b"a", (1 << 63) - 1)


def size_of_a_hundred_bytes(pack):
    pack.entries.append(b"\xbf" + b"\xff" * 100 + b"\x01" + zlib.compress(b"a"))


def longer_than_declared(pack):
    pack.add(BLOB, bytes(60 * MIB), 10)


def shorter_than_declared(pack):
    pack.add(BLOB, b"abc", 60 * MIB)


def many_blobs(pack):
    for _ in range(40):
        pack.add(BLOB, b"a", 64 * MIB)


def delta_bomb(pack):
    pack.add(BLOB, bytes(MIB))
    pack.delta(MIB, 1500 * MIB, copy_all(MIB) * 1500, back=len(pack.entries[-1]))


def many_deltas(pack):
    """Each modest, four gigabytes together."""
    pack.add(BLOB, bytes(15 * MIB))
    back = len(pack.entries[-1])
    for _ in range(70):
        pack.delta(15 * MIB, 60 * MIB, copy_all(15 * MIB) * 4, back=back)
        back += len(pack.entries[-1])


def long_chain(pack):
    pack.add(BLOB, b"a" * 50)
    for number in range(5000):
        pack.delta(50, 50, copy_all(46) + b"\x04%04d" % number, back=len(pack.entries[-1]))


def delta_on_itself(pack):
    pack.delta(12, 12, copy_all(12), back=0)


def delta_before_the_pack(pack):
    pack.delta(12, 12, copy_all(12), back=1 << 40)


def delta_on_nothing(pack):
    pack.delta(12, 12, copy_all(12), base=UNKNOWN)


def delta_beyond_its_base(pack):
    pack.add(BLOB, b"a" * 10)
    pack.delta(10, 5000, copy_all(5000), back=len(pack.entries[-1]))


def delta_that_lies(pack):
    pack.add(BLOB, b"a" * 10)
    pack.delta(10, 9, copy_all(10), back=len(pack.entries[-1]))


def delta_without_end(pack):
    pack.add(BLOB, b"a" * 10)
    pack.delta(10, 10, b"\xff", back=len(pack.entries[-1]))


def delta_with_a_reserved_byte(pack):
    pack.add(BLOB, b"a" * 10)
    pack.delta(10, 10, b"\0" + copy_all(10), back=len(pack.entries[-1]))


def zlib_garbage(pack):
    pack.entries.append(size_header(BLOB, 10) + b"\xff" * 30)


def kind_zero(pack):
    pack.add(0, b"abc")


def kind_five(pack):
    pack.add(5, b"abc")


@check_each({function.__name__.replace("_", " "): function for function in (
    blob_bomb, blob_of_all_sizes, size_of_a_hundred_bytes, longer_than_declared,
    shorter_than_declared, many_blobs, delta_bomb, many_deltas, long_chain, delta_on_itself,
    delta_before_the_pack, delta_on_nothing, delta_beyond_its_base, delta_that_lies,
    delta_without_end, delta_with_a_reserved_byte, zlib_garbage, kind_zero, kind_five)})
def a_pack_that_would_cost_or_confuse_is_refused(spoil):
    before = refs_of()
    new, pack = plain()
    spoil(pack)
    started = time.monotonic()
    expect_refused(push(new, pack), before, b"objects refused")
    assert time.monotonic() - started < 10, "it took too long"


def git_bomb():
    """Ten levels of ten equal entries: ten thousand million paths in a few hundred bytes."""
    objects = [(BLOB, FILE), (TREE, tree(*((b"100644", b"f%d" % n, FILE_OID) for n in range(10))))]
    for _ in range(9):
        below = oid_of(*objects[-1])
        objects.append((TREE, tree(*((b"40000", b"d%d" % n, below) for n in range(10)))))
    return objects


def deep_tree():
    objects = [(BLOB, FILE), (TREE, ROOT)]
    for _ in range(20_000):
        objects.append((TREE, tree((b"40000", b"d", oid_of(*objects[-1])))))
    return objects


def wide_tree():
    names = [b"%07d" % number for number in range(1000)]
    level = tree(*((b"100644", name, FILE_OID) for name in names))
    top = tree(*((b"40000", name, oid_of(TREE, level)) for name in [*names, b"9999999"]))
    return [(BLOB, FILE), (TREE, level), (TREE, top)]


def long_path():
    objects = [(BLOB, FILE), (TREE, ROOT)]
    for _ in range(100):
        objects.append((TREE, tree((b"40000", b"d" * 200, oid_of(*objects[-1])))))
    return objects


@check_each({function.__name__.replace("_", " "): function for function in (
    git_bomb, deep_tree, wide_tree, long_path)})
def a_tree_bomb_is_refused(make):
    before = refs_of()
    new, pack = commit_of(make())
    started = time.monotonic()
    expect_refused(push(new, pack), before, b"store/", b"objects refused")
    assert time.monotonic() - started < 20, "it took too long"


@check
def a_commit_that_is_not_sent_is_refused():
    before = refs_of()
    for new in (UNKNOWN, HIDDEN):
        expect_refused(push(new, b""), before, b"objects refused")
        expect_refused(push(new, Pack()), before, b"objects refused")


@check
def a_ref_at_something_else_than_a_commit_is_refused():
    before = refs_of()
    _, pack = plain()
    for new in (FILE_OID, oid_of(TREE, ROOT)):
        expect_refused(push(new, pack), before)
    tag = b"object %s\ntype blob\ntag a\ntagger %s1 +0000\n\na\n" % (FILE_OID, WHO)
    pack = Pack().add(BLOB, FILE).add(4, tag)
    name = hashlib.sha1(b"tag %d\0%s" % (len(tag), tag)).hexdigest().encode()
    expect_refused(push(name, pack), before)


run()
