"""Two bundles side by side in a real browser: one selection for both maps."""

import os
import shutil
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import served, settle

PLACE = """(box, row) => {
    const map = box.latentMap, [x, y] = map.screen(map.row.indexOf(row));
    const {left, top} = box.getBoundingClientRect();
    return [left + x / map.R, top + y / map.R];
}"""
OVERFLOW = """() => document.querySelector('[data-testid="stMain"]').scrollWidth
    - document.querySelector('[data-testid="stMain"]').clientWidth"""


@pytest.fixture(scope="module")
def server(tiny_bundle_path, tmp_path_factory):
    """Serve the tiny bundle and a second one beside it."""
    root = tmp_path_factory.mktemp("second")
    shutil.copytree(tiny_bundle_path, root / "again")
    folders = os.pathsep.join([str(tiny_bundle_path.parent), str(root)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XAI_BUNDLES", folders)
        with served(root / "log.txt") as address:
            yield address
    assert "Traceback" not in (root / "log.txt").read_text()


def selected(page):
    return parse_qs(urlsplit(page.url).query)["image"][0]


def test_a_click_on_either_map_selects_in_both(open_page):
    page = open_page("compare?bundle=bars&with=again&image=test:0")
    boxes = [page.locator(".box").nth(k) for k in (0, 1)]
    for box, row in zip(boxes, (44, 51), strict=True):
        before = selected(page)
        box.scroll_into_view_if_needed()
        page.mouse.click(*box.evaluate(PLACE, row))
        page.wait_for_url(lambda url, old=before: old not in url.replace("%3A", ":"))
        settle(page)
        rows = [one.evaluate("box => box.latentMap.data.selected") for one in boxes]
        assert rows[0] == rows[1]
        assert boxes[0].evaluate("box => box.latentMap.id(box.latentMap.data.selected)") == (
            selected(page)
        )
    assert page.get_by_role("button", name="Lasso").count() == 0


def test_the_page_fits_a_phone(open_page):
    page = open_page("compare?bundle=bars&with=again", theme="dark", width=390)
    assert page.evaluate(OVERFLOW) <= 0
    assert page.get_by_test_id("stException").count() == 0
