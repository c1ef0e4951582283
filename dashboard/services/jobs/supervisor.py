"""Supervise one training: `python -m dashboard.services.jobs.supervisor FOLDER LOCK COMMAND`.

The supervisor runs the command at low priority, waits for it and writes its exit status, so that a
killed training can be distinguished from a finished one even if the server has stopped. It imports
nothing slow. Both processes inherit the open file LOCK, which stays locked while either runs.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

END = "end.json"
NICENESS = 10


def supervise(folder: Path, lock: int, command: list[str]) -> None:
    """Run a command and write its exit status into `folder`."""
    os.nice(NICENESS)
    # a signal to the group is meant for the training
    signal.signal(signal.SIGTERM, lambda *_: None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(lock,))
    write_json(folder / END, {"status": process.wait(), "at": time.time()})


def write_json(path: Path, value: object) -> None:
    """Write a file completely or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1), encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    supervise(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
