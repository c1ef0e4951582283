"""`python -m tests.benchmarks.engines`: what an engine costs, and what a killed command loses.

The commands work on 20,000 train images of MNIST. Up to twenty times in all, at a random moment,
the command or one of its two processes is killed (SIGKILL); a killed command is given again.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
from distributed import LocalCluster

from tests.benchmarks import results
from xai_core.bundle.reading import load_bundle
from xai_core.engine.api import Inline
from xai_core.engine.dask_cluster import DaskEngine
from xai_core.engine.local import LocalProcesses

IMAGES = 20_000
BLOCKS = 200
IMAGES_FILE = "images.npz"
COMMANDS = {
    "encode": ("encode", 7),
    "attribute": ("attribute --method saliency", 7),
    "counterfactual": ("counterfactual --target 3", 6),
}
"""Each command with how often it or one of its processes is killed."""
LONGEST = 15.0
"""Largest number of seconds from the first part of a run until something is killed."""


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.engines", description=__doc__
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    rng = random.Random(parser.parse_args().seed)
    table = results.Table("engines", "measured")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        images = load_bundle("mnist").dataset.train.images[:IMAGES]
        np.savez(work / IMAGES_FILE, images=images.numpy())
        overhead(table)
        same_bits(table, work)
        for name, (line, kills) in COMMANDS.items():
            killed(table, work / f"killed-{name}", line, kills, rng)
    table.save()


def overhead(table):
    """Time empty blocks: what an engine adds to each."""
    for name, engine in (("local:2", LocalProcesses(2)), ("inline", Inline())):
        with closing(engine):
            table.row(f"an empty block, {name}", per_block(engine))
    for workers in (2, 4):
        with started(workers) as cluster, closing(DaskEngine(cluster.scheduler_address)) as engine:
            table.row(f"an empty block, {workers} Dask workers", per_block(engine))


def per_block(engine):
    for _ in engine.map(abs, range(20)):
        pass
    start = time.perf_counter()
    assert sum(1 for _ in engine.map(abs, range(BLOCKS))) == BLOCKS
    return ("{:.1f} ms", 1e3 * (time.perf_counter() - start) / BLOCKS)


def started(workers):
    return LocalCluster(workers, threads_per_worker=1, dashboard_address="127.0.0.1:0")


def same_bits(table, work):
    """Compare the parts of all engines, and time them."""
    tables = {}

    def run(engine, name):
        start = time.perf_counter()
        begin("encode", engine, work / name).communicate()
        tables[name] = pq.read_table(work / name)
        return time.perf_counter() - start

    seconds = {"inline": run("inline", "inline"), "local:2": run("local:2", "local")}
    for workers in (2, 4):
        with started(workers) as cluster:
            address = cluster.scheduler_address.removeprefix("tcp://")
            seconds[f"{workers} Dask workers"] = run(f"dask://{address}", f"dask{workers}")
    same = all(one.equals(tables["inline"]) for one in tables.values())
    took = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    table.row(f"`xai encode`, {IMAGES:,} images", f"{took}; the same bits: {says(same)}")


def killed(table, folder, line, kills, rng):
    """Kill a command or one of its processes again and again, and count what is lost."""
    written, changed, ends = {}, 0, []
    for turn in range(kills):
        process = begin(line, "local:2", folder)
        there = len(parts(folder))
        while len(parts(folder)) == there and process.poll() is None:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, LONGEST / kills))
        victim = psutil.Process(process.pid) if turn % 2 else worker_of(process, rng)
        if victim is None or process.poll() is not None:
            ends.append("it was done already")
            process.communicate()
            break
        victim.kill()
        if victim.pid != process.pid:
            changed += moved(written, folder)
            continue_or_end(process, turn, kills)
        process.communicate()
        ends.append("killed")
        changed += moved(written, folder)
    last = begin(line, "local:2", folder)
    last.communicate()
    changed += moved(written, folder)
    rows = sum(pq.read_metadata(path).num_rows for path in parts(folder))
    complete = says(last.returncode == 0 and rows == IMAGES)
    told = f"complete: {complete}; parts that were there and are new: {changed}"
    table.row(f"`xai {line}`, {ends.count('killed')} kills", told)


def continue_or_end(process, turn, kills):
    """Let a command whose process was killed go on for a while, then end it too."""
    try:
        process.wait(LONGEST / kills)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)


def moved(written, folder):
    """Count the parts that were there and have been written again; note the others."""
    now = {path: path.stat().st_mtime_ns for path in parts(folder)}
    changed = sum(now.get(path) != when for path, when in written.items())
    written.update(now)
    return changed


def parts(folder):
    return sorted(folder.glob("part-*"))


def worker_of(process, rng):
    """Return one of the processes that compute."""
    try:
        children = psutil.Process(process.pid).children()
        found = [child for child in children if "popen_loky" in " ".join(child.cmdline())]
    except psutil.Error:
        return None
    return rng.choice(found) if found else None


def begin(line, engine, out):
    name, *options = line.split()
    words = [name, "mnist", "--images", str(out.parent / IMAGES_FILE), *options]
    command = [sys.executable, "-m", "xai_core", *words, "--engine", engine]
    command += ["--out", str(out), "--device", "cpu"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def says(fact):
    return "yes" if fact else "NO"


if __name__ == "__main__":
    main()
