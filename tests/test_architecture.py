"""Who may import whom, and what may not be written at all (house style)."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("xai_core/**/*.py"), *ROOT.glob("dashboard/**/*.py")])

EVERYTHING = sorted([*SOURCES, *ROOT.glob("tests/**/*.py")])
MAKES_HOSTILE_FILES = "tests/core/test_hostile_files.py"

LEVELS = [
    {"_types", "_version", "errors"},
    {"runtime", "data", "model", "whole_files"},
    {"assignment", "encoding", "evaluation", "explain", "index", "theory", "training_state"},
    {"training"},
    {"bundle", "bundle_files", "bundle_parts", "bundle_places", "manifest"},
    {"ask", "collapse", "estimate", "parts", "verification", "workflow"},
    {"cli", "terminal"},
    {"__init__", "__main__"},
]
"""Parts of xai_core, each reading only its own level and those above it in this list."""
STRANGERS = [("explain", "theory")]
MAY_IMPORT = {
    "views": {"components", "loaders", "jobs", "state"},
    "components": {"components", "figures", "jobs", "loaders", "state", "theme"},
    "figures": {"figures", "theme"},
    "theme": set(),
    "state": {"links"},
    "links": set(),
    "loaders": {"loaders"},
    "jobs": {"jobs"},
    "Home": {"loaders"},
    "navigation": {"components"},
    "notebook": {"figures", "loaders"},
    "examples": {"notebook"},
}
VIEWS_READ = {"xai_core.errors", "xai_core._types"}
BANNED_MODULES = {
    *("pickle", "_pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"),
    "builtins",
}
BANNED_CALLS = {
    *("eval", "exec", "__import__", "torch.load", "torch.save", "torch.jit.load", "numpy.save"),
    *("os.system", "os.popen", "pandas.read_pickle", "pandas.eval", "subprocess.getoutput"),
    *("subprocess.getstatusoutput", "asyncio.create_subprocess_shell", "torch.hub.load"),
}
USUAL = {"np": "numpy", "pd": "pandas"}
"""Names of modules where a file does not import them by that name."""
BANNED_ARGUMENTS = {"shell": "False", "allow_pickle": "False", "persist": "None"}
"""Arguments with the one value that they may have."""
SAFE_ONLY = {"numpy.load": "allow_pickle=False"}
"""Calls that need an argument to be safe."""
DRAWING = {"xai_core/cli/figures.py", "xai_core/cli/report.py"}
"""Draw on paper by the functions the pages draw by, which they import at first use."""
PRINTING = {"cli", "terminal"}
"""Parts of xai_core that print."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def in_type_checking(tree: ast.Module) -> set[ast.AST]:
    blocks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {inner for block in blocks for inner in ast.walk(block)}


def imported(path: Path, *, typing: bool = False) -> set[str]:
    """Absolute dotted names that a file imports, relative imports resolved."""
    tree, names = tree_of(path), set()
    skipped = set() if typing else in_type_checking(tree)
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names.add(module)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def part_of(path: Path) -> str:
    """The module or sub-package of xai_core or dashboard that a file belongs to."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1]


def parts_read(path: Path, package: str, *, typing: bool = False) -> set[str]:
    names = {name.split(".")[1] for name in imported(path, typing=typing) if name.count(".")
             and name.split(".")[0] == package}  # fmt: skip
    known = {part_of(p) for p in SOURCES if p.relative_to(ROOT).parts[0] == package}
    return names & known


def of_package(package: str) -> list[Path]:
    return [path for path in SOURCES if path.relative_to(ROOT).parts[0] == package]


def level(part: str) -> int:
    found = [number for number, parts in enumerate(LEVELS) if part in parts]
    assert found, f"xai_core.{part} has no level: say in LEVELS who may read it"
    return found[0]


@pytest.mark.parametrize("path", of_package("xai_core"), ids=name_of)
def test_the_library_reads_only_what_is_below_it(path):
    own = part_of(path)
    for part in parts_read(path, "xai_core", typing=True) - {own, "_version"}:
        if own == "terminal":
            continue  # reads only types
        assert level(part) <= level(own), f"{name_of(path)} reads xai_core.{part}"
    for pair in STRANGERS:
        if own in pair:
            other = pair[1 - pair.index(own)]
            assert other not in parts_read(path, "xai_core", typing=True)


def test_no_module_of_a_level_is_in_a_circle():
    reads = {}
    for path in of_package("xai_core"):
        own = part_of(path)
        reads.setdefault(own, set()).update(parts_read(path, "xai_core") - {own, "__init__"})
    seen: list[str] = []
    while reads:
        free = [part for part, others in reads.items() if not others - set(seen)]
        assert free, f"these import each other: {sorted(reads)}"
        seen += free
        reads = {part: others for part, others in reads.items() if part not in free}


@pytest.mark.parametrize("path", of_package("xai_core"), ids=name_of)
def test_the_library_knows_no_streamlit_and_no_dashboard(path):
    names = imported(path, typing=True)
    if name_of(path) in DRAWING:
        names = {n for n in names if n != "dashboard" and not n.startswith("dashboard.figures")}
        top = [node for node in tree_of(path).body if isinstance(node, ast.ImportFrom)]
        assert not [node for node in top if (node.module or "").startswith("dashboard")]
    assert not {name.split(".")[0] for name in names} & {"streamlit", "dashboard", "plotly"}


@pytest.mark.parametrize("path", of_package("xai_core"), ids=name_of)
def test_the_library_imports_itself_relatively(path):
    nodes = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom)]
    assert not [n for n in nodes if not n.level and (n.module or "").split(".")[0] == "xai_core"]


@pytest.mark.parametrize("path", of_package("xai_core"), ids=name_of)
def test_what_is_slow_to_import_is_imported_at_first_use(path):
    """Their import takes seconds, which a page or `xai info` should not wait for."""
    top = [node for node in tree_of(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    roots = {(n.module or "") if isinstance(n, ast.ImportFrom) else n.names[0].name for n in top}
    assert not {root.split(".")[0] for root in roots} & {
        "umap",
        "captum",
        "numba",
        "lightning_fabric",
    }


@pytest.mark.parametrize("path", of_package("dashboard"), ids=name_of)
def test_the_dashboard_reads_only_what_is_below_it(path):
    own = part_of(path)
    if own == "__init__":
        return
    assert own in MAY_IMPORT, f"say in MAY_IMPORT what {own} may read"
    assert parts_read(path, "dashboard", typing=True) <= MAY_IMPORT[own], name_of(path)
    assert "views" not in parts_read(path, "dashboard", typing=True), "nothing imports a page"


@pytest.mark.parametrize(
    "path", [p for p in of_package("dashboard") if part_of(p) == "views"], ids=name_of
)
def test_a_page_only_reads_calls_and_renders(path):
    library = {n for n in imported(path) if n.split(".")[0] == "xai_core" and n != "xai_core"}
    assert {".".join(n.split(".")[:2]) for n in library} <= VIEWS_READ
    assert not [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.ClassDef)]
    assert len(path.read_text("utf-8").splitlines()) <= 80


@pytest.mark.parametrize(
    "path", [p for p in of_package("dashboard") if part_of(p) in ("figures", "theme")], ids=name_of
)
def test_figures_are_usable_in_a_notebook(path):
    assert "streamlit" not in {name.split(".")[0] for name in imported(path, typing=True)}


@pytest.mark.parametrize("path", of_package("dashboard"), ids=name_of)
def test_caches_are_in_loaders_and_session_keys_in_state(path):
    text = path.read_text("utf-8")
    if part_of(path) != "loaders":
        assert "cache_data" not in text and "cache_resource" not in text
    if part_of(path) != "state":
        assert "session_state" not in text and "query_params" not in text


def dangers(tree: ast.Module) -> list[str]:
    """What may run a stranger's code or a shell: imports, names by any alias, and arguments."""
    found, known = [], dict(USUAL)
    for node in (n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)):
        module = getattr(node, "module", None) or ""
        whole = [f"{module}.{alias.name}".lstrip(".") for alias in node.names]
        known |= {alias.asname: name for alias, name in zip(node.names, whole, strict=True)
                  if alias.asname}  # fmt: skip
        if module:
            known |= {alias.name: name for alias, name in zip(node.names, whole, strict=True)}
        found += sorted({name.split(".")[0] for name in whole} & BANNED_MODULES)
        found += sorted(set(whole) & BANNED_CALLS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            if (name := _resolved(node, known)) in BANNED_CALLS:
                found.append(name)
        elif isinstance(node, ast.Call):
            if ast.unparse(node.func).split(".")[-1] == "import_module":
                found += sorted(
                    {ast.literal_eval(n) for n in node.args if isinstance(n, ast.Constant)}
                    & BANNED_MODULES
                )
            found += [f"{call}" for call in SAFE_ONLY if _resolved(node.func, known) == call
                      and SAFE_ONLY[call] not in ast.unparse(node)]  # fmt: skip
        elif isinstance(node, ast.keyword) and node.arg is None:
            given = node.value.keys if isinstance(node.value, ast.Dict) else []
            found += [k.value for k in given if getattr(k, "value", "") in BANNED_ARGUMENTS]
        elif isinstance(node, ast.keyword) and node.arg in BANNED_ARGUMENTS:
            if ast.unparse(node.value) != BANNED_ARGUMENTS[node.arg]:
                found.append(f"{node.arg}={ast.unparse(node.value)}")
    return found


def _resolved(node: ast.AST, known: dict[str, str]) -> str:
    first, *rest = ast.unparse(node).split(".")
    return ".".join([known.get(first, first), *rest])


@pytest.mark.parametrize(
    "path", [p for p in of_package("dashboard") if part_of(p) == "loaders"], ids=name_of
)
def test_every_cache_is_bounded(path):
    """By a number of entries, or by having nothing to tell two entries apart."""
    for function in (n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef)):
        for kept in (d for d in function.decorator_list if "cache" in ast.unparse(d)):
            arguments = {k.arg for k in kept.keywords} if isinstance(kept, ast.Call) else set()
            bounded = arguments & {"max_entries", "ttl", "maxsize"} or not function.args.args
            assert bounded, f"{name_of(path)}: {function.name}"


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_nothing_is_unpickled_evaluated_or_run_by_a_shell(path):
    meant = {"numpy.save"} if name_of(path).startswith("tests/") else set()
    if name_of(path) == MAKES_HOSTILE_FILES:
        meant |= {"pickle", "torch.save"}
    assert set(dangers(tree_of(path))) <= meant


@pytest.mark.parametrize(
    ("code", "danger"),
    [
        ("import pickle as p", "pickle"),
        ("from joblib import load", "joblib"),
        ("import torch\ntorch.load('x')", "torch.load"),
        ("from torch import load", "torch.load"),
        ("run = eval", "eval"),
        ("exec('1')", "exec"),
        ("import numpy as np\nnp.load('x.npz')", "numpy.load"),
        ("np.load('x', allow_pickle=flag)", "allow_pickle=flag"),
        ("import os\nos.system('ls')", "os.system"),
        ("subprocess.run('ls', shell=True)", "shell=True"),
        ("subprocess.run('ls', shell=yes)", "shell=yes"),
        ("import torch as t\nt.load('x')", "torch.load"),
        ("from torch import load as read\nread('x')", "torch.load"),
        ("from numpy import load\nload('x', None, True)", "numpy.load"),
        ("import torch\ntorch.jit.load('x')", "torch.jit.load"),
        ("import _pickle", "_pickle"),
        ("import builtins\nbuiltins.exec('1')", "builtins"),
        ("importlib.import_module('pickle')", "pickle"),
        ("import subprocess\nsubprocess.getoutput('ls')", "subprocess.getoutput"),
        ("subprocess.run('ls', **{'shell': True})", "shell"),
        ("pd.eval('1')", "pandas.eval"),
        ("st.cache_data(persist='disk')", "persist='disk'"),
        ("@st.cache_data(persist=True)\ndef f(): ...", "persist=True"),
    ],
)
def test_dangers_are_seen_however_they_are_written(code, danger):
    assert danger in dangers(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    ["model.eval()", "app.exec_command()", "np.load('x', allow_pickle=False)", "x = json.loads",
     "re.compile('x')", "subprocess.run(['ls'], shell=False)", "df.eval", "'import pickle'"],
)  # fmt: skip
def test_what_only_sounds_dangerous_is_let_be(code):
    assert dangers(ast.parse(code)) == []


@pytest.mark.parametrize("path", of_package("xai_core"), ids=name_of)
def test_only_the_command_prints(path):
    if part_of(path) in PRINTING:
        return
    calls = [ast.unparse(n.func) for n in ast.walk(tree_of(path)) if isinstance(n, ast.Call)]
    assert "print" not in calls
    assert "logging.basicConfig" not in calls
    assert not [call for call in calls if call.startswith("sys.std")]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_failure_is_swallowed(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"a bare except in line {node.lineno}"
    assert "from __future__ import annotations" not in path.read_text("utf-8")
