"""`__all__` is there and whole in every module, and every name of it imports."""

import ast
import importlib
from pathlib import Path

import pytest

import xai_core

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    path
    for path in ROOT.glob("xai_core/**/*.py")
    if path.name not in ("__main__.py", "_version.py")
    and (path.name != "__init__.py" or path.parent.name == "xai_core")
)


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def public_names(path: Path) -> set[str]:
    """Names without an underscore that a module itself defines as functions or classes."""
    defined = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
    body = ast.parse(path.read_text("utf-8")).body
    return {n.name for n in body if isinstance(n, defined) and not n.name.startswith("_")}


PRIVATE_BY_PLACE = {
    "ClassifierObjective",
    "CriticObjective",
    "SurrogateObjective",
    "VAEObjective",
}


def test_what_is_public_is_exported_and_imports():
    """That `__all__` is sorted is ruff's to see."""
    for path in MODULES:
        module = importlib.import_module(dotted(path))
        assert public_names(path) - PRIVATE_BY_PLACE <= set(module.__all__), module.__name__
        missing = [name for name in module.__all__ if getattr(module, name, None) is None]
        assert not missing, module.__name__


def test_the_package_offers_what_its_typing_block_and_table_say():
    listed = [name for names in xai_core._HOMES.values() for name in names]
    assert sorted([*listed, "__version__"]) == sorted(xai_core.__all__)
    tree = ast.parse(Path(xai_core.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        assert tuple(alias.name for alias in node.names) == xai_core._HOMES[node.module]
    assert set(xai_core.__all__) <= set(dir(xai_core))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        xai_core.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("module", "name"),
    [("bundle", "load_bundle"), ("evaluation", "evaluate"), ("training", "PRESETS")],
)
def test_a_name_that_moved_still_answers_and_says_where_it_went(module, name):
    old = importlib.import_module(f"xai_core.{module}")
    with pytest.warns(DeprecationWarning, match=rf"`xai_core.{module}.{name}` moved to"):
        assert getattr(old, name) is getattr(xai_core, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        old.nothing  # noqa: B018
