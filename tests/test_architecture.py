"""Who may import whom, and what may not be written at all (house style)."""

import ast
from functools import cache
from pathlib import Path

import importlinter.cli
import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("xai_core/**/*.py"), *ROOT.glob("dashboard/**/*.py")])

EVERYTHING = sorted([*SOURCES, *ROOT.glob("tests/**/*.py")])
MAKES_HOSTILE_FILES = "tests/core/data/io/test_hostile_files.py"

MOST_MODULES = 16
"""Modules in one folder: more is a sign that a folder was not made."""
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
PRINTING = "xai_core/cli/"


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


def of_package(package: str) -> list[Path]:
    return [path for path in SOURCES if path.relative_to(ROOT).parts[0] == package]


def test_who_imports_whom_is_as_agreed():
    """The contracts stand in pyproject.toml."""
    assert importlinter.cli.lint_imports(config_filename=str(ROOT / "pyproject.toml")) == 0


def test_every_folder_says_what_lives_there_and_is_small():
    folders = {path.parent for path in SOURCES}
    for folder in folders:
        assert ast.get_docstring(tree_of(folder / "__init__.py")), name_of(folder)
    for folder in {path.parent for path in EVERYTHING}:
        assert len(list(folder.glob("*.py"))) <= MOST_MODULES, name_of(folder)


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


VIEWS = sorted(ROOT.glob("dashboard/views/**/view.py"))


@pytest.mark.parametrize("path", VIEWS, ids=name_of)
def test_a_page_only_reads_calls_and_renders(path):
    library = {n for n in imported(path) if n.split(".")[0] == "xai_core" and n != "xai_core"}
    assert {".".join(n.split(".")[:2]) for n in library} <= {"xai_core.errors", "xai_core._types"}
    assert not [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.ClassDef)]
    assert len(path.read_text("utf-8").splitlines()) <= 80


def keeps_a_cache(path: Path) -> bool:
    return name_of(path).startswith("dashboard/services/") or path.name == "loader.py"


@pytest.mark.parametrize("path", of_package("dashboard"), ids=name_of)
def test_caches_are_in_loaders_and_session_keys_in_state(path):
    text = path.read_text("utf-8")
    if not keeps_a_cache(path):
        assert "cache_data" not in text and "cache_resource" not in text
    if name_of(path) != "dashboard/state.py":
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
    "path", [p for p in of_package("dashboard") if keeps_a_cache(p)], ids=name_of
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
    if name_of(path).startswith(PRINTING):
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
