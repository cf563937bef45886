"""Machines of Debian's own: a system that debootstrap makes, with its packages configured by Debian, on a network.

A `Machine` is a kept root below a fresh overlay, in namespaces of its own (mounts, processes, network): what a test
changes there is gone with it, and nothing of it is seen here. `client` is another host on the same wire, whose
address is not loopback: what a test says of a door, it says of clients from there.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import itertools
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from conftest import PROJECT, needs, unavailable

# The wire (RFC 5737): the server, and the clients that come from outside.
SERVER, CLIENT = "198.51.100.2", "198.51.100.1"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TOOLS = ("debootstrap", "ip", "nsenter", "unshare")
_BASE = "python3,python3-pip,ca-certificates"
_numbers = itertools.count()
_CLONE_NEWNET = 0x40000000
# Arguments: the kept root, and a folder for what is written. It is the machine's first process: all ends with it.
_BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
for one in null zero full random urandom tty; do touch dev/$one; mount --bind /dev/$one dev/$one; done
ln -s /proc/self/fd dev/fd
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=666,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
ip link set lo up
mkdir -p usr/src/mailscan
echo ready
exec chroot . sleep infinity
"""


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise OSError(f"{shlex.join(words)[:300]} ended with {done.returncode}: {(done.stderr or done.stdout)[-600:]}")


def root(suite: str, packages: tuple[str, ...] = (), answers: str = "") -> Path:
    """A kept Debian `suite` with `packages`, set up by their own scripts; `answers` is for debconf-set-selections."""
    needs("root", "mounts of its own", *_TOOLS)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailscan-tests" / "roots"
    cache.mkdir(parents=True, exist_ok=True)
    try:
        base = _kept(
            cache / suite,
            lambda folder: _run("debootstrap", "--variant=minbase", f"--include={_BASE}", suite, str(folder)),
        )
        if not packages:
            return base
        name = hashlib.sha256(repr((_BASE, packages, answers)).encode()).hexdigest()[:12]
        return _kept(cache / f"{suite}-{packages[0]}-{name}", lambda folder: _install(base, folder, packages, answers))
    except OSError as error:
        unavailable(f"no Debian {suite} of its own: {error}")


@contextlib.contextmanager
def _network(name: str) -> Iterator[None]:
    """This thread is in that network namespace; sockets stay where they were made."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(descriptor: int) -> None:
        if libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"{name} cannot be entered")

    with open("/proc/thread-self/ns/net", "rb") as ours, open(name, "rb") as other:
        enter(other.fileno())
        try:
            yield
        finally:
            enter(ours.fileno())


def _kept(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, made once, by one process at a time; half-made ones are made again."""
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half = Path(f"{folder}.half")
            shutil.rmtree(half, ignore_errors=True)
            make(half)
            half.rename(folder)
    return folder


def _install(base: Path, folder: Path, packages: tuple[str, ...], answers: str) -> None:
    _run("cp", "-a", "--reflink=auto", str(base), str(folder))
    policy = folder / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    with Machine(folder, writable=True) as machine:
        if answers:
            machine.call("debconf-set-selections", octets=answers.encode())
        machine.call("apt-get", "update", "-qq")
        machine.call("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
        machine.call("apt-get", "clean")
    policy.unlink()


class Machine:
    """A running machine; use it with `with`. `writable`: what is changed stays in the root (for packages)."""

    def __init__(self, root: Path, writable: bool = False, name: str = "mx.rcpt.example") -> None:
        self.root, self.writable, self.name = root, writable, name
        self.ident = f"ms{os.getpid() % 100000}x{next(_numbers)}"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Machine:
        with contextlib.ExitStack() as stack:
            written = stack.enter_context(tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True))
            network: list[str] = [] if self.writable else ["ip", "netns", "exec", stack.enter_context(self._wire())]
            boot = _BOOT
            if self.writable:  # apt needs the network that there is, and an overlay none of it
                boot = "".join(
                    line + "\n" for line in _BOOT.splitlines() if "overlay" not in line and "link set" not in line
                ).replace(
                    'cd "$2/root"',
                    'mount --bind "$1" "$2/root"; cd "$2/root"; cp /etc/resolv.conf etc/resolv.conf || :',
                )
            words = [
                *network,
                "unshare",
                "--mount",
                "--uts",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                boot,
                "sh",
                str(self.root),
                written,
            ]
            holder = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            stack.callback(holder.wait)
            stack.callback(holder.kill)
            assert holder.stdout is not None
            if holder.stdout.readline() != b"ready\n":
                raise OSError(f"{self.root} does not start")
            # unshare waits for its child, the first process within.
            children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
            self.pid = int(children[0])
            self._stack = stack.pop_all()
        if not self.writable:
            self.call("hostname", self.name)
            self.write(
                "/etc/hosts",
                f"127.0.0.1 localhost\n{SERVER} {self.name}\n{CLIENT} client.outside.example\n",
            )
            self.write("/etc/hostname", self.name + "\n")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def _wire(self) -> Iterator[str]:
        """Two network namespaces, joined; gives the server's. The client's is `self.ident + "c"`."""
        server, client = f"{self.ident}s", f"{self.ident}c"
        with contextlib.ExitStack() as stack:
            for one in (server, client):
                _run("ip", "netns", "add", one)
                stack.callback(_run, "ip", "netns", "del", one)
            _run("ip", "link", "add", "eth0", "netns", server, "type", "veth", "peer", "name", "eth0", "netns", client)
            for one, address in ((server, SERVER), (client, CLIENT)):
                _run("ip", "-n", one, "addr", "add", f"{address}/24", "dev", "eth0")
                for device in ("lo", "eth0"):
                    _run("ip", "-n", one, "link", "set", device, "up")
            yield server

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """What this thread opens meanwhile are the outside host's sockets (198.51.100.1)."""
        with _network(f"/run/netns/{self.ident}c"):
            yield

    @contextlib.contextmanager
    def loopback(self) -> Iterator[None]:
        """What this thread opens meanwhile are the machine's own sockets."""
        with _network(f"/proc/{self.pid}/ns/net"):
            yield

    def share(self, folder: Path) -> None:
        """Have a folder that is here at the same path there."""
        self.call("mkdir", "-p", str(folder))
        where = f"/proc/{self.pid}/root{folder}"
        _run("nsenter", f"--target={self.pid}", "--mount", "mount", "--bind", str(folder), where)

    def inside(self, *words: str) -> list[str]:
        """The command that runs `words` on the machine."""
        environ = [
            "env",
            "--chdir=/",
            "-i",
            f"PATH={_PATH}",
            "LANG=C.UTF-8",
            "DEBIAN_FRONTEND=noninteractive",
            "HOME=/root",
        ]
        if self.writable:
            environ += [f"{name}={value}" for name, value in os.environ.items() if name.lower().endswith("_proxy")]
        return [
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--uts",
            "--pid",
            "--net",
            "--root",
            "--",
            *environ,
            *words,
        ]

    def call(self, *words: str, octets: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the machine, as root, to its end."""
        done = subprocess.run(self.inside(*words), input=octets, capture_output=True, check=False)
        if check and done.returncode:
            raise OSError(
                f"{shlex.join(words)[:300]} ended with {done.returncode}: {(done.stderr + done.stdout)[-600:]!r}"
            )
        return done

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        where = shlex.quote(path)
        self.call(
            "sh", "-c", f"mkdir -p $(dirname {where}) && cat > {where} && chmod {mode:o} {where}", octets=text.encode()
        )

    def read(self, path: str) -> str:
        return self.call("cat", path).stdout.decode("utf-8", "replace")

    def client(self, *words: str, octets: bytes = b"", timeout: float = 120) -> subprocess.CompletedProcess[bytes]:
        """Run a command of this machine's as the outside host (198.51.100.1)."""
        command = ["ip", "netns", "exec", f"{self.ident}c", *words]
        return subprocess.run(command, input=octets, capture_output=True, check=False, timeout=timeout)

    def install_mailscan(self) -> None:
        """As README tells root to: Debian's Python, a virtual environment in /usr/local/lib/mailscan, a link.

        The libraries come from where the tests' own do, so that nothing is fetched; both are of one Python version.
        """
        library = "/usr/local/lib/mailscan"
        self.call("/usr/bin/python3", "-m", "venv", "--without-pip", library)
        packages = (
            self.call(f"{library}/bin/python", "-c", "import site; print(site.getsitepackages()[0])")
            .stdout.decode()
            .strip()
        )
        for name in ("click", "pybase64", "mailscan"):
            folder = PROJECT / "mailscan" if name == "mailscan" else Path(__import__(name).__file__ or "").parent
            tar = subprocess.run(
                ["tar", "-C", str(folder.parent), "--exclude=__pycache__", "-c", folder.name],
                capture_output=True,
                check=True,
            )
            self.call("tar", "-C", packages, "--no-same-owner", "-x", octets=tar.stdout)
        script = (
            f"#!{library}/bin/python -I\nimport sys\nfrom mailscan.cli import main\n"
            "if __name__ == '__main__':\n    sys.exit(main())\n"
        )
        self.write(f"{library}/bin/mailscan", script, 0o755)
        self.call("ln", "-sf", f"{library}/bin/mailscan", "/usr/local/bin/mailscan")
        self.call(f"{library}/bin/python", "-m", "compileall", "-q", packages)
