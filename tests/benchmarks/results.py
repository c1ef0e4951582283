"""What the benchmarks measured, kept as data, and the README tables that are made of it.

`results.json` holds one record per table. A cell is a text, or a template followed by the numbers
that fill it: numbers stay numbers, and only the template rounds them.
"""

import datetime
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import torch

import xai_core

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("results.json")
MANIFEST = ROOT / "checkpoints" / "mnist" / "manifest.json"
READMES = (ROOT / "README.md", Path(__file__).with_name("README.md"))
TABLE = re.compile(r"(?<=<!-- table: )(\w+)( -->\n)(.*?)(?=<!-- end of table -->)", re.DOTALL)
"""The name of a table in a README, and the lines that `write_readmes` writes."""
BUSY = 0.5
"""Load average at the start above which other work ran beside a measurement."""


class Table:
    """Rows that are printed as they are measured, and kept by `save`.

    Args:
        name: Key of the table in `results.json`.
        *columns: Titles of the measured columns.
    """

    def __init__(self, name, *columns):
        self.name = name
        self.record = circumstances() | {"columns": ["what", *columns], "rows": []}
        print(f"\n{said_of(self.record)}\n\n{line(self.record['columns'])}")
        print(rule(self.record["columns"]), flush=True)

    def row(self, what, *cells):
        """Add a row; a cell is a text, or a tuple of a template and its numbers."""
        self.record["rows"].append([what, *cells])
        print(line([what, *cells]), flush=True)

    def save(self):
        """Replace the table of this name in `results.json`."""
        records = read() | {self.name: self.record}
        FILE.write_text(as_text(records), encoding="utf-8")


def circumstances():
    """Return how, when and on what something is measured."""
    parts = Path(sys.argv[0]).with_suffix("").parts
    below = parts[parts.index("benchmarks") + 1 :] if "benchmarks" in parts else ()
    module = ".".join(["tests", "benchmarks", *(part for part in below if part != "__main__")])
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return {
        "command": " ".join(["python", "-m", module, *map(_unplaced, sys.argv[1:])]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "version": xai_core.__version__,
        "commit": found.stdout.strip(),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def _unplaced(argument):
    """Return an argument without the folders of this machine."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def machine():
    """Describe the processors and torch."""
    parts = [f"{os.cpu_count()} cores", processor(), f"torch {torch.__version__}"]
    parts.append(f"{torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)


def processor():
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    found = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor() or platform.machine()


def read():
    """Return all records by the names of their tables."""
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


def as_text(records):
    """Write records as JSON with one row per line."""
    tables = []
    for name, record in records.items():
        head = json.dumps({k: v for k, v in record.items() if k != "rows"}, ensure_ascii=False)
        rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in record["rows"])
        tables.append(f'"{name}": {head[:-1]}, "rows": [\n{rows}\n]}}')
    return "{\n" + ",\n".join(tables) + "\n}\n"


def write_readmes():
    """Write the tables of `results.json` into the READMEs that name them."""
    for path in READMES:
        path.write_text(with_tables(path.read_text("utf-8")), encoding="utf-8")


def with_tables(text):
    """Return a README's text with each of its tables as `results.json` has it."""
    records = read()

    def table(found):
        name = found[1]
        return f"{name}{found[2]}{summary(records) if name == 'summary' else shown(records[name])}"

    return TABLE.sub(table, text)


def shown(record):
    """Return a record as Markdown: how it was measured, then its table."""
    return f"{said_of(record)}\n\n{as_table(record['columns'], record['rows'])}"


def as_table(columns, rows):
    """Return a Markdown table."""
    return "\n".join([line(columns), rule(columns), *map(line, rows), ""])


def said_of(record):
    """Say how, when and on what a table was measured."""
    busy = (record["load"] or 0) > BUSY
    parts = [f"`{record['command']}`", record["date"], f"version {record['version']}"]
    parts += [f"commit {record['commit']}"] if record["commit"] else []
    parts += [record["machine"]]
    parts += [f"load average {record['load']} at the start"] if record["load"] is not None else []
    parts += ["other work ran beside it"] if busy else []
    return ", ".join(parts) + "."


def rule(columns):
    return "|" + "---|" * len(columns)


def line(cells):
    return f"| {' | '.join(map(as_words, cells))} |"


def as_words(cell):
    """Fill a cell's template with its numbers."""
    if isinstance(cell, str):
        return cell
    template, *numbers = cell
    return template.format(*numbers)


def cell_of(record, what, column="measured"):
    """Return the template and the numbers of one cell; `what` is how its row begins."""
    found = [row for row in record["rows"] if row[0].startswith(what)]
    if not found or column not in record["columns"]:
        raise SystemExit(
            f"`results.json` has no {what!r} in column {column!r} (`{record['command']}`). "
            "Run that benchmark without options."
        )
    return found[0][record["columns"].index(column)]


def summary(records):
    """Return the eight rows of the project's README."""
    test = json.loads(MANIFEST.read_text("utf-8"))["metrics"]["test"]
    changes, critic = records["counterfactuals"], records["critic_classifier"]
    nats = [test[key] for key in ("log_likelihood", "log_likelihood_standard_error")]
    seconds = cell_of(records["compute"], "encoding 70,000 images, cpu")[1]
    rows = [
        ("images in the cluster of their label, trained without labels",
         ("{:.2f} %", 100 * test["accuracy"])),
        ("normalised mutual information of cluster and label", ("{:.3f}", test["nmi"])),
        ("log p(x) of binarised images, with its standard error", ("{:.1f} ± {:.1f} nats", *nats)),
        ("reconstructions in the cluster of their image",
         ("{:.2f} %", 100 * test["cluster_kept"])),
        ("counterfactuals that reach their target", cell_of(changes, "converged", "default")),
        ("decisions that an independent judge names from the critic's 4 % of the pixels",
         cell_of(critic, "judge trained on random masks agrees", "critic")),
        ("encoding 70,000 images", ("{:.1f} s", seconds)),
        ("from the command to a drawn Home", cell_of(records["pages"], "cold start")),
    ]  # fmt: skip
    return as_table(["what", "measured"], rows)
