"""Start, stop and monitor trainings; the state of a training is entirely on disk.

A run called NAME writes the bundle `checkpoints/NAME` and has a folder `checkpoints/.runs/NAME`:

    run.json      the request, the start time, the process group and the machine
    events.jsonl  epochs and progress, written by `xai train --events`
    log.txt       the output of the command
    end.json      its exit status
    lock          locked while a process of the run is alive

A run is alive if its lock is held. Process ids are not used: the system may reuse them.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard.services.jobs.supervisor import END, write_json
from xai_core.errors import ConfigError, XaiError
from xai_core.training.events import TrainingProgress, read_training_progress
from xai_core.training.presets import PRESET_TABLE
from xai_core.training.settings import SETTINGS, by_group, option_of

CHECKPOINTS = Path("checkpoints")
"""The first folder in which bundles are searched."""
MOST_AT_ONCE = 2
LOG_READ = 16_000
"""Number of bytes read from the end of a log."""
SWITCH = "XAI_TRAINING"
"""Environment variable that allows (`on`) or forbids (`off`) trainings."""
COLUMN_OPTIONS = frozenset({"metadata", "label_column", "split_column"})
"""Options of `xai train` that take labels, split and more from the user's own columns."""
DATA_FILES = (".npz", ".zip", ".csv", ".tsv")
"""Suffixes of files that may hold a data set."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")

State = Literal["running", "stopping", "finished", "stopped", "failed"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A training to start.

    Attributes:
        name: Of the run and of its bundle.
        data: Name or path of the data set.
        preset: The settings to begin with.
        settings: Those of `SETTINGS` that differ from the preset's.
        columns: Those of `COLUMN_OPTIONS` that are stated: where the user's own columns are.
        seed: Of all random numbers.
    """

    name: str
    data: str
    preset: str
    settings: Mapping[str, int | float | str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    def options(self) -> list[str]:
        """Return the options of `xai train`, without those that name files."""
        given: dict[str, int | float | str] = {"data": self.data, **self.columns}
        given |= {"preset": self.preset, **self.settings, "seed": self.seed}
        pairs = [(option_of(name), str(value)) for name, value in given.items()]
        return [part for pair in pairs for part in pair]


@dataclass(frozen=True, kw_only=True)
class Run:
    """The current state of one training.

    Attributes:
        request: The request.
        begun: Time of the last start or resumption, in seconds since 1970.
        state: State of the run.
        why: Why it failed; empty otherwise.
        progress: Progress of the training.
    """

    request: Request
    begun: float
    state: State
    why: str
    progress: TrainingProgress

    @property
    def name(self) -> str:
        """Return the name of the run and of its bundle."""
        return self.request.name

    @property
    def alive(self) -> bool:
        """Return whether its process runs."""
        return self.state in ("running", "stopping")


def allowed() -> bool:
    """Return whether this server may start, stop and remove trainings.

    By default, only if it answers to the names of this machine alone: a server with another
    address or host name has visitors that nobody knows.
    """
    switch = os.environ.get(SWITCH, "").lower()
    names = {st.get_option("server.address"), *(st.get_option("server.allowedHosts") or ())}
    return switch == "on" or (switch != "off" and names <= LOOPBACK)


def start(request: Request, *, offered: tuple[str, ...]) -> None:
    """Start a training that continues when the page, the tab or the server is closed.

    Args:
        request: The training to start.
        offered: Names of the allowed data sets; absolute paths are allowed, too.

    Raises:
        ConfigError: If name, data or preset is not accepted.
        XaiError: If too many trainings run, or the run cannot be written.
    """
    _check(request, offered)
    with _one_at_a_time():
        _check_room()
        folder = _folder(request.name)
        if (
            (CHECKPOINTS / request.name).exists()
            or folder.exists()
            or _state(request.name).exists()
        ):
            raise ConfigError(
                f"There is already a bundle or a training called '{request.name}'. Choose "
                "another name."
            )
        folder.mkdir(parents=True)
        try:
            _launch(request)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def resume(name: str) -> None:
    """Resume a stopped or failed run after its last finished epoch.

    Raises:
        XaiError: If it runs or is finished, or too many trainings run.
    """
    _check_allowed()
    with _one_at_a_time():
        run = read(name)
        if run.alive or run.state == "finished":
            raise XaiError(f"The training '{name}' is {run.state}: there is nothing to resume.")
        _check_room()
        _launch(run.request)


def stop(name: str) -> None:
    """Stop a run; its finished epochs are kept.

    Raises:
        XaiError: If it does not run, or runs on another machine.
    """
    _check_allowed()
    with _one_at_a_time():
        known, folder = _record(name), _folder(name)
        if not _is_locked(folder):
            raise XaiError(f"The training '{name}' does not run any more.")
        if known["host"] != socket.gethostname():
            raise XaiError(f"The training '{name}' runs on '{known['host']}': stop it there.")
        write_json(folder / "run.json", {**known, "stop": True})
        if known["group"] is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(known["group"], signal.SIGTERM)


def remove(name: str) -> None:
    """Delete a run and its unfinished state; its bundle stays.

    Raises:
        XaiError: If it runs, here or by a command.
    """
    from xai_core.training.pipeline import check_not_training

    _check_allowed()
    with _one_at_a_time():
        if _is_locked(_folder(name)):
            raise XaiError(f"The training '{name}' runs. Stop it first.")
        check_not_training(CHECKPOINTS / name)
        shutil.rmtree(_state(name), ignore_errors=True)
        shutil.rmtree(_folder(name))


def all_runs() -> list[Run]:
    """Read all runs, the latest first."""
    if not _root().is_dir():
        return []
    names = [entry.name for entry in _root().iterdir() if (entry / "run.json").is_file()]
    runs = [_read_or_say_why(name) for name in names if _NAME.fullmatch(name)]
    return sorted(runs, key=lambda run: run.begun, reverse=True)


def read(name: str) -> Run:
    """Read one run.

    Raises:
        XaiError: If there is no run of that name, or its record is damaged.
    """
    folder, known = _folder(name), _record(name)
    try:
        progress = read_training_progress(folder / "events.jsonl", time.time())
        state, why = _outcome(folder, bool(known.get("stop")))
        request, begun = _request(known["request"]), float(known["begun"])
        time.localtime(begun)  # raises an error for an invalid time
    except (ArithmeticError, AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        sentence = f"{type(error).__name__}: {error}"
        raise XaiError(
            f"`{folder}` is damaged ({sentence:.100}). Remove this training."
        ) from error
    return Run(request=request, begun=begun, state=state, why=why, progress=progress)


def log_tail(name: str, lines: int = 30) -> str:
    """Return the last lines of a run's output."""
    path = _folder(name) / "log.txt"
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_READ))
        text = file.read().decode("utf-8", errors="replace")
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-lines:])


def _read_or_say_why(name: str) -> Run:
    """Read a run; a run whose record is damaged counts as failed and can be removed."""
    try:
        return read(name)
    except XaiError as error:
        asked = Request(name=name, data="?", preset="?")
        return Run(
            request=asked, begun=0.0, state="failed", why=str(error), progress=TrainingProgress()
        )


def _check(request: Request, offered: tuple[str, ...]) -> None:
    if not _NAME.fullmatch(request.name):
        raise ConfigError(
            "A run's name must be letters, digits and hyphens, at most 40, the first no hyphen; "
            f"got {request.name!r:.60}. Choose another name."
        )
    if request.data not in offered and not _holds_images(Path(request.data)):
        raise ConfigError(
            f"`data` must be one of {', '.join(offered)}, or the absolute path of a folder, "
            f".zip, .npz or .csv of this machine, got {request.data!r:.60}."
        )
    if request.preset not in PRESET_TABLE:
        presets = ", ".join(PRESET_TABLE)
        raise ConfigError(f"`preset` must be one of {presets}, got {request.preset!r}.")
    _check_allowed()


def _check_allowed() -> None:
    if not allowed():
        raise XaiError(
            f"Trainings are switched off: {SWITCH} is off, or this server answers to other names "
            f"than localhost and {SWITCH} is not on. Train with `xai train` on your own machine."
        )


def _holds_images(path: Path) -> bool:
    """Return whether a path may be a data set; the training checks its content."""
    is_file = path.suffix.lower() in DATA_FILES and path.is_file()
    return path.is_absolute() and (path.is_dir() or is_file)


def _check_room() -> None:
    running = [run.name for run in all_runs() if run.alive]
    if len(running) >= MOST_AT_ONCE:
        raise XaiError(
            f"{len(running)} trainings run already ({', '.join(sorted(running))}), which is as "
            "many as this server takes. Wait for one to end, or stop one."
        )


def _launch(request: Request) -> None:
    """Start or resume a run: `xai train --resume` does both."""
    folder = _folder(request.name)
    places = ["--out", str(CHECKPOINTS / request.name), "--events", str(folder / "events.jsonl")]
    command = [sys.executable, "-m", "xai_core", "train", *request.options(), *places, "--resume"]
    record = {"request": asdict(request), "begun": time.time(), "host": socket.gethostname()}
    write_json(folder / "run.json", {**record, "group": None})  # list the run while it starts
    (folder / END).unlink(missing_ok=True)
    with (folder / "lock").open("a") as lock, (folder / "log.txt").open("ab") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        beside = [sys.executable, "-m", "dashboard.services.jobs.supervisor", str(folder)]
        process = subprocess.Popen(
            [*beside, str(lock.fileno()), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )
    threading.Thread(target=process.wait, daemon=True).start()  # reap the process
    try:
        write_json(folder / "run.json", {**record, "group": process.pid})
    except OSError:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def _request(found: dict) -> Request:
    """Return the recorded request.

    Raises:
        TypeError: If the record is no request.
    """
    settings = found.pop("settings", {})
    older = {name: found.pop(name) for name in list(found) if name in SETTINGS}
    stated = {name: value for name, value in {**older, **settings}.items() if value is not None}
    request = Request(**found, settings=stated)
    by_group(stated)  # refuses what is no setting
    if not request.columns.keys() <= COLUMN_OPTIONS or not all(
        isinstance(value, str) for value in request.columns.values()
    ):
        raise TypeError(f"`columns` is {request.columns!r:.60}")
    kinds = dict.fromkeys(("name", "data", "preset"), str) | {"seed": int}
    values = {name: getattr(request, name) for name in kinds} | stated
    for name, value in values.items():
        kind = kinds[name] if name in kinds else SETTINGS[name].kind
        if type(value) is not kind and (kind, type(value)) != (float, int):
            raise TypeError(f"`{name}` is {value!r:.60}")
    return request


def _outcome(folder: Path, stop_asked: bool) -> tuple[State, str]:
    if _is_locked(folder):
        return ("stopping" if stop_asked else "running"), ""
    end = folder / END
    status = json.loads(end.read_text())["status"] if end.is_file() else None
    if status == 0:
        return "finished", ""
    if stop_asked:
        return "stopped", ""
    return "failed", _why(status, log_tail(folder.name))


def _why(status: int | None, log: str) -> str:
    """Return why a training ended early."""
    if status is None:
        return (
            "Its process has ended without a message: it was killed, or the machine was "
            "switched off."
        )
    if status == -signal.SIGKILL:
        return (
            "It was killed from outside (SIGKILL). Systems do that when memory runs out: close "
            "other programs, or train on fewer images."
        )
    if status < 0:
        return f"It was ended by a signal ({signal.Signals(-status).name})."
    lines = log.splitlines()
    errors = [line for line in lines if line.startswith("error")] or lines or ["It said nothing."]
    return f"{errors[-1][:500]} (exit status {status})"


def _is_locked(folder: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), (folder / "lock").open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one session or server at a time change runs; report files that cannot be written."""
    try:
        _root().mkdir(parents=True, exist_ok=True)
        with (_root() / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        reason = error.strerror or error
        raise XaiError(
            f"Cannot write `{error.filename or _root()}`: {reason}. Make room, or start the "
            "dashboard in a folder that can be written."
        ) from error


def _record(name: str) -> dict:
    path = _folder(name) / "run.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise XaiError(f"There is no training called '{name}'.") from error
    except (OSError, ValueError, TypeError) as error:
        raise XaiError(f"`{path}` is damaged ({error}). Remove this training.") from error


def _root() -> Path:
    return CHECKPOINTS / ".runs"


def _folder(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise XaiError(f"There is no training called {name!r:.60}.")
    return _root() / name


def _state(name: str) -> Path:
    """Return the folder in which `xai train` keeps its state for resuming."""
    return CHECKPOINTS / f".{name}.run"
