"""Who may import whom, and what ruff and import-linter cannot see (house style).

pyproject.toml holds the rest: contracts of import-linter, and ruff's rules against pickles,
`eval`, shells, printing, blind `except` and imports that slow the start.
"""

import ast
from functools import cache
from pathlib import Path

import importlinter.cli
import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("xai_core/**/*.py"), *ROOT.glob("dashboard/**/*.py")])
EVERYTHING = sorted([*SOURCES, *ROOT.glob("tests/**/*.py")])
VIEWS = sorted(ROOT.glob("dashboard/views/**/view.py"))

MOST_MODULES = 16
"""Modules in one folder: more is a sign that a folder was not made."""
RUNS_TEXT = {"eval", "exec", "__import__"}
BANNED_MODULES = {"pickle", "_pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
ONLY = {"shell": "False", "allow_pickle": "False", "persist": "None"}
"""Arguments with the one value that they may have."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def of_package(package: str) -> list[Path]:
    return [path for path in SOURCES if path.relative_to(ROOT).parts[0] == package]


def found_in(paths: list[Path], problems) -> list[str]:
    """List what a rule finds in some files, each with its file."""
    return [f"{name_of(path)}: {found}" for path in paths for found in problems(tree_of(path))]


def nodes(tree: ast.Module, kind):
    return (node for node in ast.walk(tree) if isinstance(node, kind))


def test_who_imports_whom_is_as_agreed():
    """The contracts stand in pyproject.toml."""
    assert importlinter.cli.lint_imports(config_filename=str(ROOT / "pyproject.toml")) == 0


def test_every_folder_says_what_lives_there_and_is_small():
    for folder in {path.parent for path in SOURCES}:
        assert ast.get_docstring(tree_of(folder / "__init__.py")), name_of(folder)
    for folder in {path.parent for path in EVERYTHING}:
        assert len(list(folder.glob("*.py"))) <= MOST_MODULES, name_of(folder)


def test_the_library_imports_itself_relatively():
    def absolute(tree):
        return [
            f"line {node.lineno}"
            for node in nodes(tree, ast.ImportFrom)
            if not node.level and (node.module or "").split(".")[0] == "xai_core"
        ]

    assert found_in(of_package("xai_core"), absolute) == []


def test_a_page_only_reads_calls_and_renders():
    def problems(tree):
        for node in nodes(tree, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if parts[0] == "xai_core" and parts[1:2] not in ([], ["errors"], ["_types"]):
                yield f"imports {node.module}"
        yield from (f"class {node.name}" for node in nodes(tree, ast.ClassDef))

    assert len(VIEWS) > 10
    assert found_in(VIEWS, problems) == []
    assert [name_of(p) for p in VIEWS if len(p.read_text("utf-8").splitlines()) > 80] == []


def keeps_a_cache(path: Path) -> bool:
    return name_of(path).startswith("dashboard/services/") or path.name == "loader.py"


def test_caches_are_in_loaders_and_session_keys_in_state():
    def attributes(*names):
        return lambda tree: [n.attr for n in nodes(tree, ast.Attribute) if n.attr in names]

    pages = of_package("dashboard")
    elsewhere = [path for path in pages if not keeps_a_cache(path)]
    assert found_in(elsewhere, attributes("cache_data", "cache_resource")) == []
    others = [path for path in pages if name_of(path) != "dashboard/state.py"]
    assert found_in(others, attributes("session_state", "query_params")) == []


def test_every_cache_is_bounded():
    """By a number of entries, or by having nothing to tell two entries apart."""

    def unbounded(tree):
        for function in nodes(tree, ast.FunctionDef):
            for kept in (d for d in function.decorator_list if "cache" in ast.unparse(d)):
                given = {k.arg for k in kept.keywords} if isinstance(kept, ast.Call) else set()
                if not given & {"max_entries", "ttl", "maxsize"} and function.args.args:
                    yield function.name

    assert found_in([p for p in of_package("dashboard") if keeps_a_cache(p)], unbounded) == []


def unseen_dangers(tree: ast.Module) -> list[str]:
    """List what may run a stranger's code and no rule of ruff sees."""
    found = [node.id for node in nodes(tree, ast.Name) if node.id in RUNS_TEXT]
    for call in nodes(tree, ast.Call):
        name = ast.unparse(call.func).split(".")[-1]
        if name == "import_module":
            given = {n.value for n in call.args if isinstance(n, ast.Constant)}
            found += sorted(given & BANNED_MODULES)
        if name == "load" and len(call.args) > 2:
            found.append("allow_pickle by position")
        for argument in call.keywords:
            found += _unsafe(argument)
    return found


def _unsafe(argument: ast.keyword) -> list[str]:
    if argument.arg is not None:
        value = ast.unparse(argument.value)
        safe = ONLY.get(argument.arg, value) == value
        return [] if safe else [f"{argument.arg}={value}"]
    given = argument.value.keys if isinstance(argument.value, ast.Dict) else []
    return [key.value for key in given if getattr(key, "value", "") in ONLY]


def test_nothing_evaluates_text_or_turns_a_safeguard_off():
    """What ruff bans (pickle, torch.load, shells ...) is a list in pyproject.toml."""
    assert found_in(EVERYTHING, unseen_dangers) == []


@pytest.mark.parametrize(
    ("code", "danger"),
    [
        ("run = eval", "eval"),
        ("exec('1')", "exec"),
        ("__import__('pickle')", "__import__"),
        ("importlib.import_module('pickle')", "pickle"),
        ("np.load('x', allow_pickle=flag)", "allow_pickle=flag"),
        ("from numpy import load\nload('x', None, True)", "allow_pickle by position"),
        ("subprocess.run('ls', shell=yes)", "shell=yes"),
        ("subprocess.run('ls', **{'shell': True})", "shell"),
        ("@st.cache_data(persist=True)\ndef f(): ...", "persist=True"),
    ],
)
def test_dangers_are_seen_however_they_are_written(code, danger):
    assert unseen_dangers(ast.parse(code)) == [danger]


def test_what_only_sounds_dangerous_is_let_be():
    for code in ("model.eval()", "app.exec_command()", "np.load('x', allow_pickle=False)",
                 "x = json.loads", "subprocess.run(['ls'], shell=False)", "df.eval"):  # fmt: skip
        assert unseen_dangers(ast.parse(code)) == []


def test_only_the_command_writes_to_the_terminal():
    def streams(tree):
        names = (ast.unparse(node) for node in nodes(tree, ast.Attribute))
        return [name for name in names if name in ("sys.stdout", "sys.stderr")]

    library = [p for p in of_package("xai_core") if not name_of(p).startswith("xai_core/cli/")]
    assert found_in(library, streams) == []


def test_only_named_failures_are_suppressed():
    """A bare or blind `except` is ruff's to find; `suppress` is not."""

    def blind(tree):
        for call in nodes(tree, ast.Call):
            if ast.unparse(call.func).split(".")[-1] == "suppress":
                given = {ast.unparse(argument) for argument in call.args}
                yield from given & {"Exception", "BaseException"}

    assert found_in(SOURCES, blind) == []
