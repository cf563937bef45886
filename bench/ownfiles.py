"""What ten one-function files cost: one scan with a policy of ten, against one of none and `python -I -c pass`.

python -m bench.ownfiles [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.startup import MESSAGE, PASS, ROOT, START

SOURCE = """from mailscan import reject


def check(mail, outside):
    if "x{}" in mail.message.subject:
        return reject("No")
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        message = folder / "message.eml"
        message.write_bytes(MESSAGE)
        for number in range(10):
            (folder / f"own{number}.py").write_text(SOURCE.format(number))
        commands = {"python -I -c pass": PASS}
        for count in (0, 1, 10):
            policy = folder / f"policy{count}.toml"
            policy.write_text("".join(f'[[filter]]\nuse = "./own{number}.py"\n' for number in range(count)))
            commands[f"mailscan, {count} files"] = [*START, "--policy", str(policy), "--file", str(message)]
        taken: dict[str, list[float]] = {one: [] for one in commands}
        for _ in range(rounds):
            for one, command in commands.items():
                began = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, env={"PYTHONPATH": str(ROOT)}, check=True)
                taken[one].append(time.perf_counter() - began)
    bare = statistics.median(taken["python -I -c pass"])
    for one, seconds in taken.items():
        median = statistics.median(seconds)
        print(f"{one:20} {median * 1000:6.1f} ms   {median / bare:5.2f} x")
    more = statistics.median(taken["mailscan, 10 files"]) - statistics.median(taken["mailscan, 0 files"])
    print(f"ten files add {more * 1000:.1f} ms, {more / bare:.2f} x bare Python")


if __name__ == "__main__":
    main()
