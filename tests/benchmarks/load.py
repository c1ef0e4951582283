"""`python -m tests.benchmarks.load`: many people at once on a real server.

Each session looks at its own images with its own settings: half of the sessions draw images that
occur in no other session, the others use images of the data set. Each message is searched for the
ids of other sessions. Some answers are requested again by one person on a new server, and must
hold the same pictures (images, heatmaps, counterfactuals). The exit status is 1 if an answer
differs, if an error occurs, if answers are too slow, or if memory grows.
"""

import argparse
import random
import re
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.benchmarks import results
from tests.benchmarks.session import Session
from xai_core.bundle.reading import load_bundle
from xai_core.data.user_images import own_id

from ..browser.conftest import served

PAGES = (
    *("", "latent_map", "reconstructions", "clusters", "heatmaps", "counterfactuals"),
    *("theory", "theory_factorisations", "theory_collapse", "theory_manifold", "train"),
    *("own_image", "compare", "theory_mixtures", "theory_probe"),
)
ASKED_AGAIN = 150
"""Answers that are compared with those of a server with one visitor."""
SELECTED = re.compile(r"`((?:test|train):\d+)` in \*\*")
OWN = re.compile(r"your image in \*\*")
"""How the bar names the selected image: one of the data set, and one that was drawn."""
REMEMBERED = 130.0
"""Seconds for which Streamlit keeps the session of a closed tab, in case it is opened again."""
SLOWEST, GROWN = 2.0, 1.1
"""Limits: seconds of 95 % of the actions, and memory afterwards divided by memory before."""


@dataclass
class Report:
    """What happened in the sessions."""

    seconds: list[float] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    pictures: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def quantile(self, share):
        """Return the seconds below which a share of the actions stayed."""
        return float(np.quantile(self.seconds, share))


def canaries(count):
    """Return two images per session: its own drawings, or images of the data set."""
    data = load_bundle("checkpoints/mnist").dataset
    rows = iter(random.Random(0).sample(range(10_000), 2 * count))
    named = []
    for number in range(count):
        ids = [f"test:{next(rows)}", f"test:{next(rows)}"]
        if number % 2 == 0:
            ids = [own_id(_marked(data.image(image_id).numpy(), number)) for image_id in ids]
        named.append(ids)
    return named


def press(address, sessions, actions, think, pages=PAGES):
    """Let sessions act at once; return what happened.

    Args:
        address: Of the server.
        sessions: How many at once.
        actions: Of each.
        think: Mean seconds that a person looks at a page, drawn anew each time.
        pages: Visited in a random order of each session.
    """
    report, named = Report(), canaries(sessions)
    threads = [
        threading.Thread(
            target=_live, args=(address, number, named, actions, think, pages, report)
        )
        for number in range(sessions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return report


def _live(address, number, named, actions, think, pages, report):
    draw = random.Random(number)
    try:
        session = Session(address)
        for step in range(actions):
            page, mine = draw.choice(pages), named[number][step % 2]
            query = f"bundle=mnist&image={mine}{_settings(page, number)}"
            answer = session.visit(page, query)
            report.seconds.append(answer.seconds)
            report.pages.append(page)
            report.pictures.append((page, query, answer.pictures))
            report.problems += [f"{page}: {problem}" for problem in answer.problems]
            report.leaks += _leaks(answer, number, mine, named)
            time.sleep(draw.expovariate(1 / think) if think else 0)
        session.close()
    except Exception as error:  # a thread's error is the report's
        report.problems.append(f"session {number}: {error!r}")


def _settings(page, number):
    """Return the settings of a link; one session in three asks about clusters."""
    asks = page in ("heatmaps", "counterfactuals") and number % 3 == 0
    return "&of=cluster" if asks else ""


def ask_again(address, report):
    """Compare answers with those of a server that has one visitor."""
    chosen = random.Random(1).sample(report.pictures, min(ASKED_AGAIN, len(report.pictures)))
    for page, query, pictures in chosen:
        session = Session(address)
        alone = session.visit(page, query).pictures
        session.close()
        if alone != pictures or not (alone or page == "train"):  # which shows none
            shown, wanted = len(pictures - alone), len(alone - pictures)
            report.leaks.append(f"{page or 'home'}?{query[:60]}: {shown} other pictures, "
                                f"{wanted} of {len(alone)} missing")  # fmt: skip
    return len(chosen)


def _leaks(answer, number, mine, named):
    """Find drawings of other sessions, and any image in the bar but the selected one."""
    text = answer.text
    others = [i for other, ids in enumerate(named) if other != number for i in ids]
    found = [i for i in others if i.startswith("own:") and i in text]
    found += [i for i in SELECTED.findall(text) if i != mine]
    named_here = SELECTED.findall(text) if mine.startswith("test:") else OWN.findall(text)
    leaks = [f"session {number} ({mine[:20]}) was shown {i[:20]}" for i in found]
    return leaks if named_here else [*leaks, f"session {number} was not shown {mine[:20]}"]


def _marked(pixels, number):
    """Write a session's number into the margin, so that no other drawing is the same."""
    marked = pixels.copy()
    marked[0, : 1 + number] = 255
    return marked


def settled_mb(address):
    """Return the memory once sessions have expired and workers have ended."""
    time.sleep(REMEMBERED)
    press(address, 1, 1, 0)
    return resident_mb(address)


def resident_mb(address):
    """Return the memory of a server and its workers; shared memory counts once."""
    port = address.rpartition(":")[2]
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        if f"--server.port\0{port}\0".encode() in command.read_bytes():
            server = command.parent
            children = " ".join(p.read_text() for p in server.glob("task/*/children")).split()
            return sum(map(_own_mb, [server, *map(server.with_name, children)]))
    raise RuntimeError(f"No server on port {port}.")


def _own_mb(process):
    """Return a process's proportional share of memory, in MB."""
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except (ProcessLookupError, FileNotFoundError):  # it ended just now
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load", description=__doc__)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--actions", type=int, default=50)
    parser.add_argument("--think", type=float, default=5.0, help="mean seconds on a page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "log.txt") as address:
        press(address, 2, 2 * len(PAGES), 0)  # warm: every page and image cache in use
        before = settled_mb(address)
        report = press(address, options.sessions, options.actions, options.think)
        full = resident_mb(address)
        after = settled_mb(address)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "log.txt") as address:
        again = ask_again(address, report)
    table = results.Table("load", "measured")
    write(table.row, options, report, again, (before, full, after))
    table.save()
    missed = [*report.leaks, *report.problems][:10]
    if report.quantile(0.95) > SLOWEST:
        missed.append(f"p95 is above {SLOWEST} s")
    if after > GROWN * before:
        missed.append(f"memory grew by more than {GROWN - 1:.0%}")
    if missed:
        raise SystemExit("\n".join(["missed:", *missed]))


def write(row, options, report, again, memory):
    """Write what was measured into the rows of a table."""
    row("sessions; actions of each", ("{}; {}", options.sessions, options.actions))
    row("mean time on a page", ("{:.0f} s", options.think))
    row("actions answered; compared with an answer to one person alone",
        ("{:,}; {:,}", len(report.seconds), again))  # fmt: skip
    row("another person's images or results; errors",
        ("{}; {}", len(report.leaks), len(report.problems)))  # fmt: skip
    times = [float(report.quantile(q)) for q in (0.5, 0.95, 0.99, 1)]
    row("time per action: median; 95 %; 99 %; slowest",
        ("{:.2f} s; {:.2f} s; {:.2f} s; {:.2f} s", *times))  # fmt: skip
    row("memory before; at the end; after", ("{:,.0f} MB; {:,.0f} MB; {:,.0f} MB", *memory))
    for page in sorted(set(report.pages)):
        taken = [s for s, p in zip(report.seconds, report.pages, strict=True) if p == page]
        row(f"{page or 'home'}: 95 %", ("{:.2f} s", float(np.quantile(taken, 0.95))))


if __name__ == "__main__":
    main()
