"""The two servers that are compared: ours, and nginx + fcgiwrap + git http-backend."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

LISTEN_SECONDS_MAX = 30


class BenchError(Exception):
    """A benchmark that cannot be trusted is not reported."""


def clean_environment(home):
    """No configuration of the caller's git, gpg or ssh; /usr/sbin for fcgiwrap and nginx."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(home),
            "LC_ALL": "C.UTF-8", "TZ": "UTC", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(arguments, *, cwd, environment, stdin=None):
    """Runs to the end and returns its output as bytes; anything but success ends the benchmark."""
    done = subprocess.run([str(word) for word in arguments], cwd=cwd, env=environment, input=stdin,
                          capture_output=True, check=False)
    if done.returncode != 0:
        words = " ".join(str(word) for word in arguments)
        raise BenchError(f"{words}: status {done.returncode}\n"
                         f"{done.stdout.decode(errors='replace')[-2000:]}"
                         f"{done.stderr.decode(errors='replace')[-4000:]}")
    return done.stdout


class Group:
    """Processes that are ended together with everything they started."""

    def __init__(self):
        self.processes = []

    def start(self, arguments, log, environment, cwd="/"):
        with open(log, "ab") as sink:
            process = subprocess.Popen([str(word) for word in arguments], stdin=subprocess.DEVNULL,
                                       stdout=sink, stderr=sink, env=environment, cwd=cwd,
                                       start_new_session=True)
        self.processes.append(process)
        return process

    def end(self):
        for process in reversed(self.processes):
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    break
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    continue
        self.processes.clear()


def wait_until(ready, what, process, log):
    end = time.monotonic() + LISTEN_SECONDS_MAX
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        if ready():
            return
        time.sleep(0.05)
    raise BenchError(f"{what} did not start:\n" + Path(log).read_text(errors="replace")[-4000:])


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
worker_processes auto;
{user}
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 100000000;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location /static/ {{ alias {folder}/static/; }}
    location ~ ^/git(/.*)$ {{
      fastcgi_pass unix:{folder}/fcgi.sock;
      fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
      fastcgi_param GIT_PROJECT_ROOT {folder}/git;
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param PATH_INFO $1;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param REMOTE_USER writer;
    }}
  }}
}}
"""


class Peer:
    """Stock git over HTTP as it is usually deployed: it checks no password and no signature."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self.headers = {}
        self.group = Group()
        self.environment = clean_environment(folder)
        for name in ("git", "static"):
            (self.folder / name).mkdir(parents=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        user = "user root;" if os.getuid() == 0 else ""
        text = NGINX.format(folder=self.folder, port=self.port, user=user)
        (self.folder / "nginx.conf").write_text(text)
        log = self.folder / "peer.log"
        self.group.start(["fcgiwrap", "-c", "4", "-s", f"unix:{self.folder}/fcgi.sock"], log,
                         self.environment)
        nginx = self.group.start(
            ["nginx", "-p", self.folder, "-e", self.folder / "nginx.log", "-c",
             self.folder / "nginx.conf"], log, self.environment)
        wait_until(lambda: accepts(self.port) and (self.folder / "fcgi.sock").exists(), "nginx",
                   nginx, log)

    def create_repository(self, name, *settings):
        path = self.folder / "git" / f"{name}.git"
        self.git("init", "-q", "--bare", "-b", "audit", path)
        # Housekeeping would start in the middle of a measurement.
        for setting in ("receive.autogc=false", "gc.auto=0", *settings):
            key, _, value = setting.partition("=")
            self.git("-C", path, "config", key, value)
        return path

    def git(self, *arguments):
        return command(["git", *arguments], cwd=self.folder, environment=self.environment)

    def end(self):
        self.group.end()


RESOURCES = """apiVersion: statehouse/v1
kind: Identity
metadata: {{name: writer}}
spec:
  type: person
  displayName: Writer
  emails: [writer@bench.example]
  keys:
    - ssh: {key}
---
apiVersion: statehouse/v1
kind: Group
metadata: {{name: writers}}
spec: {{members: [writer]}}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {{name: bench}}
spec:
  match: {{repositories: ["bench", "bench-*"], refs: ["refs/heads/**"]}}
  read: [group:writers]
  update: {{by: [group:writers]}}
  commits: {{signatures: required, signers: [group:writers], committerIsSigner: true}}
"""
REPOSITORY = """---
apiVersion: statehouse/v1
kind: Repository
metadata: {{name: {name}}}
spec: {{description: measured, defaultBranch: refs/heads/audit}}
"""


class Store:
    """Our server with one administrator, one writer, and the repositories that were asked for."""

    def __init__(self, folder, binary, writer_key):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.binary = binary
        self.writer_key = Path(writer_key)
        self.port = free_port()
        self.group = Group()
        self.environment = clean_environment(folder)
        self.token = ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def data(self):
        return self.folder / "data"

    def run(self, *arguments, token=None):
        extra = {"STATEHOUSE_SERVER": self.url} | ({"STATEHOUSE_TOKEN": token} if token else {})
        return command([self.binary, *arguments], cwd=self.folder,
                       environment=self.environment | extra)

    def start(self, repositories):
        make_key(self.folder / "admin", self.environment)
        self.run("init", "--data", self.data, "--name", "bench.example/store", "--admin",
                 f"admin={self.folder / 'admin.pub'}")
        log = self.folder / "serve.log"
        server = self.group.start([self.binary, "serve", "--data", self.data, "--listen",
                                   f"127.0.0.1:{self.port}"], log, self.environment)
        wait_until(lambda: "listening on" in log.read_text(errors="replace"), "statehouse serve",
                   server, log)
        self._configure(repositories)
        self.token = self._token("writer", "write")

    def _token(self, identity, scope):
        text = self.run("token", "create", "--data", self.data, "--identity", identity, "--scope",
                        scope, "--expires", "24h", "-o", "json")
        return json.loads(text)["token"]

    def _configure(self, repositories):
        """Changes `system` as anybody must: a signed commit, a promotion, a merge."""
        admin = self._token("admin", "write")
        clone, key = self.folder / "system", self.folder / "admin"
        remote = f"http://admin:{admin}@127.0.0.1:{self.port}/git/system.git"
        git = GitSigner(clone, key, "Admin", "admin@bench.example", self.environment)
        git("init", "-q", "-b", "audit", clone)
        git("-C", clone, "fetch", "-q", remote, "refs/heads/audit")
        git("-C", clone, "reset", "-q", "--hard", "FETCH_HEAD")
        text = RESOURCES.format(key=self.writer_key.with_suffix(".pub").read_text().strip())
        text += "".join(REPOSITORY.format(name=name) for name in repositories)
        (clone / "bench.yaml").write_text(text)
        git("-C", clone, "add", "bench.yaml")
        git("-C", clone, "commit", "-q", "-S", "-m", "Declare what is measured")
        git("-C", clone, "push", "-q", remote, "HEAD:refs/heads/audit")
        created = self.run("promotion", "create", "-R", "system", "--flow", "system", "-o", "json",
                           token=admin)
        number = str(json.loads(created)["number"])
        self.run("promotion", "merge", number, token=admin)

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers=self.headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def end(self):
        self.group.end()


def make_key(path, environment):
    command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", path], cwd="/",
            environment=environment)


class GitSigner:
    """git that signs with one SSH key, as one person, at fixed times."""

    def __init__(self, cwd, key, name, email, environment):
        self.cwd = Path(cwd)
        self.environment = environment | {
            f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", email))}
        self.settings = []
        for setting in ("gpg.format=ssh", f"user.signingkey={key}", "gc.auto=0",
                        "protocol.version=2", "init.defaultBranch=audit"):
            self.settings += ["-c", setting]

    def __call__(self, *arguments, stdin=None):
        cwd = self.cwd if self.cwd.exists() else "/"
        return command(["git", *self.settings, *arguments], cwd=cwd, environment=self.environment,
                       stdin=stdin)


def require_tools():
    missing = [tool for tool in ("nginx", "fcgiwrap", "wrk", "git", "ssh-keygen")
               if not shutil.which(tool, path="/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin")]
    if missing:
        raise BenchError("not installed: " + ", ".join(missing))
