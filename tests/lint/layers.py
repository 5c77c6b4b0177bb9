"""Who may include what. The picture is in docs/architecture.md; this table is the law."""

# folder -> folders whose headers it may include, besides its own. Dependencies point left:
# crypto/base <- crypto <- store/model <- store/{git,ledger,keys} <- api/service <- api/http <- cli,
# and policy/ takes from store/ only the plain value types.
_PURE = ["crypto/base", "crypto", "store/model"]
_STORE = ["store/git", "store/ledger", "store/keys"]
LAYERS = {
    "crypto/base": [],
    "crypto": ["crypto/base"],
    "store/model": ["crypto/base", "crypto"],
    "store/git": _PURE,
    "store/ledger": _PURE,
    "store/keys": _PURE,
    "policy": _PURE,
    "api/service": _PURE + _STORE + ["policy"],
    "api/http": _PURE + _STORE + ["policy", "api/service"],
    "api/web": _PURE + ["policy", "api/service", "api/http"],
    "cli": _PURE + _STORE + ["policy", "api/service", "api/http", "api/web"],
}

# A C (or C++) library is included where it is wrapped and nowhere else. The prefix is matched
# against the name between the brackets.
LIBRARIES = {
    "git2": ["store/git"],
    "sqlite3.h": ["store/ledger"],
    "gpgme.h": ["crypto"],
    "gpg-error.h": ["crypto"],
    "sodium.h": ["crypto"],
    "openssl/": ["crypto", "api/http"],  # digests and RSA/ECDSA; TLS
    "yaml.h": ["policy"],
    "zlib.h": ["store/git", "api/http"],  # scanning packs; request bodies
    "httplib.h": ["api/http", "cli"],  # the server's request parser; the client
    "CLI/": ["cli"],
    "nlohmann/": ["crypto/base", "crypto", "store", "policy", "api", "cli"],
    "fmt/": ["crypto/base", "crypto", "store", "policy", "api", "cli"],
    "doctest/": [],  # tests only
    "valijson/": [],  # tests only
}

# Headers of the C library and the kernel; C++ headers have no dot and need no list.
_SYSTEM_FOLDERS = ("sys/", "linux/", "netinet/", "arpa/", "net/", "bits/", "asm/")
_SYSTEM_HEADERS = {
    "dirent.h", "errno.h", "fcntl.h", "ftw.h", "glob.h", "grp.h", "ifaddrs.h", "libgen.h",
    "limits.h", "locale.h", "netdb.h", "poll.h", "pthread.h", "pwd.h", "sched.h", "signal.h",
    "spawn.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "strings.h", "sysexits.h",
    "syslog.h", "termios.h", "time.h", "unistd.h",
}


def layer_of(folder):
    """The longest entry of LAYERS that is `folder` or holds it; None outside the layers."""
    while folder:
        if folder in LAYERS:
            return folder
        folder = folder.rpartition("/")[0]
    return None


def tested_layer(folder):
    """For tests/X/…: the layer whose tests these are."""
    return layer_of(folder.removeprefix("tests/"))


def may_include(folder, target_folder):
    """Whether a file in `folder` may include a header of `target_folder`."""
    target = layer_of(target_folder)
    if folder.startswith("tests/"):
        if target_folder.startswith("tests/"):
            return target_folder in (folder, "tests/support") or \
                target_folder.startswith(folder + "/")
        own = tested_layer(folder)
        # What has no mirrored layer (benchmarks, whole-store tests) may use everything.
        return target is not None and (own is None or target == own or target in LAYERS[own])
    own = layer_of(folder)
    if own is None or target is None:
        return False
    return target == own or target in LAYERS[own]


def is_system_header(name):
    return "." not in name or name in _SYSTEM_HEADERS or name.startswith(_SYSTEM_FOLDERS)


def library_of(name):
    return next((prefix for prefix in LIBRARIES if name.startswith(prefix)), None)


def may_use_library(folder, library):
    owners = LIBRARIES[library]
    if folder.startswith("tests/"):
        own = tested_layer(folder)
        return not owners or own is None or _is_below(own, owners)
    return _is_below(layer_of(folder) or folder, owners)


def _is_below(folder, owners):
    return any(folder == owner or (owner in ("store", "api") and folder.startswith(owner + "/"))
               for owner in owners)
