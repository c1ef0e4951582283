"""Every page on data sets at the edge of what can be used: it opens, whatever they lack."""

import re

import pytest

from dashboard.links import PAGES

from ..degenerate import ALIKE, SETS
from .conftest import _open


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_every_set(page, degenerate_bundles, monkeypatch, text_of, subtests):
    monkeypatch.chdir(degenerate_bundles)
    for name in SETS:
        if name in ALIKE and page.startswith("theory"):
            continue
        with subtests.test(name=name):
            app = _open(page, bundle=name)
            assert not app.exception, app.exception[0].message
            assert app.query_params["bundle"] in (name, [name])
            said = re.sub(r"digits? of MNIST|MNIST'?s? digits?", "", text_of(app))
            assert not re.search(r"\bdigits?\b", said, re.IGNORECASE), "no image is a digit"
