"""What starting costs: one process on a 2 kB message against `python -I -c pass`, interleaved; ratios of medians.

python bench/startup.py [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MESSAGE = (
    b"Received: from a.example (a.example [192.0.2.1]) by b.example; Mon, 1 Jan 2024 00:00:00 +0000\n"
    b"From: Joe <joe@example.org>\nTo: Jane <jane@example.com>\nSubject: A letter of two kilobytes\n"
    b"Message-ID: <1@example.org>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n\n"
    + b"Nothing that anybody would refuse.\n"
    * 50
)
PASS = [sys.executable, "-I", "-c", "pass"]
START = [sys.executable, "-c", "from mailscan.cli import main; main()"]
COMMANDS = {
    "python -I -c pass": PASS,
    "mailscan": START,
    "mailscan --rcpt --sender": [*START, "--rcpt", "jane@example.com", "--sender", "joe@example.org"],
    "mailscan, all of the client": [*START, "--rcpt", "jane@example.com", "--client-ip", "192.0.2.1", "--helo", "a"],
    "mailscan --policy FILE": [*START, "--policy", str(ROOT / "mailscan" / "starter.toml")],
    "mailscan --format kv": [*START, "--format", "kv"],
    "mailscan --format json": [*START, "--format", "json"],
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    # The installed command starts with imports of its own (pip's template), where there is one.
    script = Path(sys.executable).with_name("mailscan")
    if script.exists():
        COMMANDS[script.name + " (installed script)"] = [str(script)]
        seconds[script.name + " (installed script)"] = []
    environ = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as message:
        message.write(MESSAGE)
        for _ in range(rounds):
            for name, command in COMMANDS.items():
                message.seek(0)
                began = time.perf_counter()
                done = subprocess.run(command, stdin=message, stdout=subprocess.DEVNULL, env=environ, check=False)
                seconds[name].append(time.perf_counter() - began)
                if done.returncode:
                    sys.exit(f"{name}: exit status {done.returncode}")
    bare = statistics.median(seconds["python -I -c pass"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name:28} {median * 1000:6.1f} ms   {median / bare:5.2f} x")


if __name__ == "__main__":
    main()
