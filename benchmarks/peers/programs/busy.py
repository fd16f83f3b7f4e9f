"""Two encodes at the same time beside a process that keeps a core busy; prints their mean time.

python busy.py PYTHON ENGINE FOLDER MODEL COUNT
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

ENCODERS = 2


def main() -> None:
    python, *arguments = sys.argv[1:]
    command = [python, str(Path(__file__).with_name("encode.py")), *arguments, "wait"]
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    encoders = []
    try:
        for _ in range(ENCODERS):
            encoders.append(
                subprocess.Popen(  # noqa: S603 - ours
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
        for one in encoders:
            while one.stdout.readline().strip() != "ready":
                if one.poll() is not None:
                    raise SystemExit(f"an encoder ended with {one.returncode}")
        for one in encoders:
            one.stdin.write("go\n")
            one.stdin.flush()
        told = [json.loads(one.communicate()[0].rstrip().rpartition("\n")[2]) for one in encoders]
    finally:
        spin.kill()
        spin.wait()
        for one in encoders:
            one.kill()
            one.wait()
    means = {name: statistics.mean(one[name] for one in told) for name in told[0]}
    sys.stdout.write(json.dumps(means) + "\n")


if __name__ == "__main__":
    main()
