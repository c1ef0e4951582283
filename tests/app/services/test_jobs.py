"""Trainings as processes: started, watched, killed, resumed, stopped, refused, told apart."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from filelock import FileLock

from dashboard.services.jobs import runs
from dashboard.services.jobs.supervisor import write_json
from xai_core.errors import ConfigError, XaiError
from xai_core.training.events import read_training_progress

from ...patience import PATIENCE

TINY = runs.Request(
    name="tiny",
    data="bars.npz",
    preset="pure_elbo",
    settings={"clusters": 2, "latent_dim": 2, "epochs": 200},
)
OFFERED = ("mnist", "bars.npz")


@pytest.fixture
def here(tiny_dataset, tmp_path, monkeypatch):
    """A working directory with ./checkpoints and ./bars.npz; nothing runs there afterwards."""
    (tmp_path / "checkpoints").mkdir()
    splits = [tiny_dataset.train, tiny_dataset.test]
    np.savez(
        tmp_path / "bars.npz",
        images=torch.cat([split.images for split in splits]).numpy(),
        labels=torch.cat([split.labels for split in splits]).numpy(),
        split=np.repeat(["train", "test"], [len(split) for split in splits]),
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield tmp_path
    if (tmp_path / "checkpoints/.runs/tiny/run.json").exists():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group_of("tiny"), signal.SIGKILL)


def group_of(name):
    return json.loads((runs.CHECKPOINTS / ".runs" / name / "run.json").read_text())["group"]


def wait_for(name, wanted):
    deadline = time.monotonic() + PATIENCE
    while not wanted(run := runs.read(name)):
        assert time.monotonic() < deadline, (run, runs.log_tail(name))
        time.sleep(0.05)
    return run


def recorded(name, *, end=None, stop=False, log="", events=()):
    """Write the record of a run whose processes are gone."""
    folder = runs.CHECKPOINTS / ".runs" / name
    folder.mkdir(parents=True)
    known = {"request": {"name": name, "data": "mnist", "preset": "smoke"}, "begun": 1.0}
    known |= {"group": os.getpid(), "host": "here", "stop": stop}
    (folder / "run.json").write_text(json.dumps(known))
    (folder / "lock").touch()
    (folder / "log.txt").write_text(log)
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    if end is not None:
        (folder / "end.json").write_text(json.dumps({"status": end, "at": 2.0}))
    return runs.read(name)


def test_killed_resumed_and_stopped_a_training_keeps_its_epochs(here):
    runs.start(TINY, offered=OFFERED)
    run = wait_for("tiny", lambda run: len(run.progress.epochs) >= 2)
    assert run.state == "running" and run.request == TINY
    assert (
        run.progress.num_clusters == 2
        and 0 < run.progress.share < 1
        and run.progress.seconds_left > 0
    )
    assert os.getpgid(group_of("tiny")) == group_of("tiny") != os.getpgrp()
    for change in (runs.resume, runs.remove):
        with pytest.raises(XaiError, match="running|Stop it first"):
            change("tiny")
    children = subprocess.run(
        ["ps", "-o", "pid=,ni=,args=", "--ppid", str(group_of("tiny"))],
        capture_output=True, text=True, check=True,
    ).stdout.split(maxsplit=2)  # fmt: skip
    assert int(children[1]) >= 10 and "-m xai_core train --data bars.npz" in children[2]
    os.kill(int(children[0]), signal.SIGKILL)
    run = wait_for("tiny", lambda run: not run.alive)
    assert run.state == "failed" and "SIGKILL" in run.why and "memory" in run.why

    kept = len(run.progress.epochs)
    runs.resume("tiny")
    run = wait_for("tiny", lambda run: len(run.progress.epochs) > kept)
    assert [row["epoch"] for row in run.progress.epochs] == list(
        range(1, len(run.progress.epochs) + 1)
    )
    runs.stop("tiny")
    run = wait_for("tiny", lambda run: not run.alive)
    assert run.state == "stopped" and (runs.CHECKPOINTS / ".tiny.run/vae.safetensors").is_file()
    with pytest.raises(XaiError, match="does not run any more"):
        runs.stop("tiny")
    runs.remove("tiny")
    assert runs.all_runs() == [] and not (runs.CHECKPOINTS / ".tiny.run").exists()


def test_a_run_that_cannot_begin_says_why(here):
    broken = replace(TINY, settings={**TINY.settings, "clusters": 50})
    runs.start(broken, offered=OFFERED)
    run = wait_for("tiny", lambda run: not run.alive)
    assert run.state == "failed"
    assert run.why == "error: 40 train images cannot form 50 clusters. (exit status 1)"


@pytest.mark.parametrize(
    "name",
    ["", "-x", "../up", "a/b", "a b", ".hidden", "a" * 41, "näme", "a\n", "a;ls", "$(id)", "a.b"],
)
def test_names_that_are_refused(here, name):
    with pytest.raises(ConfigError, match="letters, digits and hyphens"):
        runs.start(replace(TINY, name=name), offered=OFFERED)
    with pytest.raises(XaiError, match="no training called"):
        runs.read(name)
    assert not list((here / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "/etc/passwd"}, "`data` must be one of mnist, bars.npz"),
        ({"data": "--help"}, "`data` must be one of"),
        ({"data": "/no/such/folder"}, "`data` must be one of"),
        ({"data": "../bars.npz"}, "`data` must be one of"),
        ({"preset": "huge"}, "`preset` must be one of"),
    ],
)
def test_only_what_is_offered_is_trained(here, change, message):
    with pytest.raises(ConfigError, match=message):
        runs.start(replace(TINY, **change), offered=OFFERED)


def test_a_name_that_is_taken_is_refused(here):
    for taken in ("checkpoints/tiny", "checkpoints/.tiny.run", "checkpoints/.runs/tiny"):
        (here / taken).mkdir(parents=True)
        with pytest.raises(ConfigError, match="already a bundle or a training called 'tiny'"):
            runs.start(TINY, offered=OFFERED)
        (here / taken).rmdir()


def test_a_server_can_be_told_to_change_none(here, monkeypatch):
    monkeypatch.setenv(runs.SWITCH, "off")
    with pytest.raises(XaiError, match="switched off"):
        runs.start(TINY, offered=OFFERED)
    for change in (runs.stop, runs.resume, runs.remove):
        with pytest.raises(XaiError, match="switched off"):
            change("tiny")


@pytest.mark.parametrize(
    ("address", "hosts", "allowed"),
    [
        ("127.0.0.1", ["localhost", "127.0.0.1"], True),
        ("localhost", [], True),
        ("::1", ["::1"], True),
        ("", ["localhost"], False),
        (None, None, False),
        ("0.0.0.0", ["localhost"], False),
        ("::", ["localhost"], False),
        ("192.168.1.7", ["192.168.1.7"], False),
        ("127.0.0.1", ["localhost", "lab.example"], False),
        ("127.0.0.1", ["*"], False),
    ],
)
def test_only_a_server_for_this_machine_trains_by_default(monkeypatch, address, hosts, allowed):
    known = {"server.address": address, "server.allowedHosts": hosts}
    monkeypatch.setattr(runs.st, "get_option", known.__getitem__)
    monkeypatch.delenv(runs.SWITCH)
    assert runs.allowed() is allowed
    monkeypatch.setenv(runs.SWITCH, "on")
    assert runs.allowed()


def test_a_run_that_a_command_continues_is_not_removed(here):
    (here / "checkpoints" / ".runs" / "tiny").mkdir(parents=True)
    state = here / "checkpoints" / ".tiny.run"
    state.mkdir()
    with FileLock(state / "lock"), pytest.raises(ConfigError, match="Another process trains in"):
        runs.remove("tiny")
    assert state.is_dir()
    runs.remove("tiny")
    assert not state.exists()


def test_a_place_that_cannot_be_written_is_named(here):
    (here / "checkpoints" / ".runs").write_text("not a folder")
    with pytest.raises(XaiError, match=r"Cannot write `checkpoints/.runs`"):
        runs.start(TINY, offered=OFFERED)


@pytest.mark.parametrize(
    ("record", "state", "why"),
    [
        ({"end": 0}, "finished", ""),
        ({"end": -15, "stop": True}, "stopped", ""),
        ({"stop": True}, "stopped", ""),
        ({}, "failed", "ended without a message"),
        ({"end": -9}, "failed", "SIGKILL"),
        ({"end": -11}, "failed", "ended by a signal (SIGSEGV)"),
        ({"end": 1, "log": "a\nerror: Disk full.\n\n"}, "failed", "error: Disk full. (exit st"),
        ({"end": 3, "log": "MemoryError\n"}, "failed", "MemoryError (exit status 3)"),
        ({"end": 1}, "failed", "It said nothing. (exit status 1)"),
    ],
)
def test_what_became_of_a_run_is_told_apart(here, record, state, why):
    run = recorded("old", **record)
    assert run.state == state and why in run.why and bool(run.why) == bool(why)


def test_a_process_id_of_another_is_never_taken_for_the_run(here):
    """The recorded group is that of this very test, which lives and must go on living."""
    assert recorded("old").state == "failed"
    with pytest.raises(XaiError, match="does not run any more"):
        runs.stop("old")


def test_a_run_on_another_machine_is_not_stopped_here(here):
    recorded("far")
    hold = (
        "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); "
        "print(1, flush=True); sys.stdin.read()"
    )
    lock = runs.CHECKPOINTS / ".runs/far/lock"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        assert runs.read("far").state == "running"
        with pytest.raises(XaiError, match="runs on 'here': stop it there"):
            runs.stop("far")
        holder.stdin.close()
    assert runs.read("far").state == "failed"


def test_more_than_the_most_are_refused(here, monkeypatch):
    monkeypatch.setattr(runs, "_is_locked", lambda folder: True)
    for number in range(runs.MOST_AT_ONCE):
        recorded(f"busy-{number}")
    with pytest.raises(XaiError, match="2 trainings run already .busy-0, busy-1."):
        runs.start(TINY, offered=OFFERED)


def test_a_record_of_before_has_its_settings_beside_the_name(here):
    folder = runs.CHECKPOINTS / ".runs" / "old"
    folder.mkdir(parents=True)
    older = {"name": "old", "data": "mnist", "preset": "smoke", "clusters": 7, "epochs": None}
    (folder / "run.json").write_text(json.dumps({"request": older, "begun": 1.0}))
    request = runs.read("old").request
    assert request.settings == {"clusters": 7} and request.seed == 0
    assert request.options() == (
        ["--data", "mnist", "--preset", "smoke", "--clusters", "7", "--seed", "0"]
    )


@pytest.mark.parametrize("name", ["end.json", "run.json", "events.jsonl"])
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"event": "begin", "at": 0}'])
def test_a_record_cut_short_fails_alone(here, name, content):
    recorded("old", end=1)
    recorded("new", end=0)
    (runs.CHECKPOINTS / ".runs/old" / name).write_text(content)
    found = {run.name: run for run in runs.all_runs()}
    assert found["new"].state == "finished" and found["old"].state == "failed"
    runs.remove("old")


@pytest.mark.parametrize("which", [0, 1])
def test_what_cannot_be_recorded_is_not_trained(here, monkeypatch, which):
    written = []

    def full(path, value):
        written.append(path)
        if len(written) > which:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_json(path, value)

    monkeypatch.setattr(runs, "write_json", full)
    with pytest.raises(XaiError, match="Cannot write .*run.json.: No space left on device. Make"):
        runs.start(TINY, offered=OFFERED)
    assert runs.all_runs() == [] and not (runs.CHECKPOINTS / ".runs" / TINY.name).exists()


def test_a_damaged_record_is_named(here):
    recorded("old")
    (runs.CHECKPOINTS / ".runs/old/run.json").write_text("{")
    (run,) = runs.all_runs()
    assert run.state == "failed" and "run.json` is damaged" in run.why
    with pytest.raises(XaiError, match="is damaged"):
        runs.resume("old")
    runs.remove("old")
    assert runs.all_runs() == []


@pytest.mark.parametrize(
    "change",
    [
        {"begun": 1e300},
        {"request": {"name": "old", "data": "mnist", "preset": "smoke", "clusters": "x"}},
        {"request": {"name": None, "data": "mnist", "preset": "smoke"}},
    ],
)
def test_a_record_of_another_kind_is_named(here, change):
    recorded("old")
    path = runs.CHECKPOINTS / ".runs/old/run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    (run,) = runs.all_runs()
    assert run.state == "failed" and "is damaged" in run.why


def test_a_lock_that_is_a_folder_is_named(here):
    recorded("old")
    lock = runs.CHECKPOINTS / ".runs/old/lock"
    lock.unlink()
    lock.mkdir()
    (run,) = runs.all_runs()
    assert run.state == "failed" and "is damaged" in run.why


def test_a_clock_set_back_leaves_the_time_left(here):
    path = here / "events.jsonl"
    events = told({"at": 100.0, "stage": "assign", "done": 1, "total": 1})
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert (
        read_training_progress(path, 100.0).seconds_left
        == read_training_progress(path, -3500.0).seconds_left
    )


def told(*events):
    begin = {"event": "begin", "at": 0.0, "expected": {"assign": 50, "vae": 100, "index": 50}}
    return [{**begin, "num_clusters": 4}, *({"event": "progress", **event} for event in events)]


@pytest.mark.parametrize(
    ("events", "now", "share", "left"),
    [
        (told(), 10.0, 0.0, 200.0),
        (told({"at": 0, "stage": "assign", "done": 0, "total": 1}), 10.0, 0.05, 190.0),
        (told({"at": 0, "stage": "assign", "done": 1, "total": 1}), 0.0, 0.25, 150.0),
        # twice as slow as expected: 75 of 200 are done and 1 more in 2 s, the other 124 take 248 s
        (
            told(
                {"at": 60, "stage": "assign", "done": 1, "total": 1},
                {"at": 100, "stage": "vae", "done": 1, "total": 20},
                {"at": 140, "stage": "vae", "done": 5, "total": 20},
            ),
            142.0, 0.38, 248.0,
        ),
        (told({"at": 0, "stage": "index", "done": 1, "total": 1}), 99.0, 1.0, 0.0),
    ],
)  # fmt: skip
def test_the_time_left_follows_the_speed_so_far(tmp_path, events, now, share, left):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    progress = read_training_progress(path, now)
    assert (progress.share, progress.seconds_left) == pytest.approx((share, left))


def test_lines_that_were_cut_short_or_are_no_events_are_left_out(tmp_path):
    path = tmp_path / "events.jsonl"
    begin = json.dumps(told()[0])
    epoch = {"event": "epoch", "at": 1.0, "stage": "vae", "epoch": 1, "loss": 2.0}
    again = {**epoch, "loss": 3.0}
    lines = [begin, json.dumps(epoch), '{"event": "epo', "7", "{}", begin, json.dumps(again)]
    path.write_text("\n".join(lines) + '\n{"event"')
    assert [row["loss"] for row in read_training_progress(path, 2.0).epochs] == [3.0]
    assert read_training_progress(tmp_path / "none", 0.0).seconds_left is None
