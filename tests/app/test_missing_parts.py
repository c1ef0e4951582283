"""Every page on a given model that lacks a part: it opens, and says which part it needs."""

import pytest

from dashboard.links import PAGES

from ..adopted import MISSING, save_missing
from .conftest import _open


@pytest.fixture(scope="module")
def root(tiny_dataset, tmp_path_factory):
    root = tmp_path_factory.mktemp("missing")
    for name in MISSING:
        save_missing(name, root / "checkpoints", tiny_dataset)
    return root


@pytest.mark.parametrize("name", MISSING)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_a_part(page, name, root, monkeypatch):
    monkeypatch.chdir(root)
    app = _open(page, bundle=name)
    assert not app.exception, app.exception[0].message
    assert app.query_params["bundle"] in (name, [name])


@pytest.mark.parametrize("page", ["clusters", "reconstructions", "counterfactuals"])
def test_a_page_says_which_part_it_needs(page, root, monkeypatch):
    monkeypatch.chdir(root)
    app = _open(page, bundle="no_decoder")
    said = " ".join(e.value for e in [*app.error, *app.info, *app.warning, *app.markdown])
    assert "no decoder" in said
