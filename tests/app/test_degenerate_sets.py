"""Every page on data sets at the edge of what can be used: it opens, whatever they lack."""

import re

import pytest

from dashboard.links import PAGES

from ..degenerate import ALIKE, SETS
from .conftest import _open

CASES = [
    (page, name)
    for name in SETS
    for page in PAGES
    if name not in ALIKE or not page.startswith("theory")
]


@pytest.mark.parametrize(("page", "name"), CASES)
def test_every_page_opens_on_every_set(page, name, degenerate_bundles, monkeypatch, text_of):
    monkeypatch.chdir(degenerate_bundles)
    app = _open(page, bundle=name)
    assert not app.exception, app.exception[0].message
    assert app.query_params["bundle"] in (name, [name])
    said = re.sub(r"digits? of MNIST|MNIST'?s? digits?", "", text_of(app))
    assert not re.search(r"\bdigits?\b", said, re.IGNORECASE), "no image here is a digit"
