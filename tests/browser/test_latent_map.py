"""The latent map under a pointer and a keyboard: hover, click, lasso, colours."""

import io
import json
import math
import re
import time
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from xai_core.bundle.reading import load_bundle

from ..patience import PATIENCE
from .conftest import ROOT, settle

A_POINT = """canvas => {
    const {width, height} = canvas, box = canvas.getBoundingClientRect();
    const pixels = new Uint32Array(
        canvas.getContext('2d').getImageData(0, 0, width, height).data.buffer);
    const drawn = [];
    pixels.forEach((pixel, i) => { if (pixel !== pixels[0]) drawn.push(i); });
    const i = drawn[drawn.length >> 1], scale = box.width / width;
    return [box.x + (i % width) * scale, box.y + Math.floor(i / width) * scale];
}"""
FINGERPRINT = """canvas => {
    const {width, height} = canvas;
    const pixels = new Uint32Array(
        canvas.getContext('2d').getImageData(0, 0, width, height).data.buffer);
    return pixels.reduce((sum, pixel) => (sum * 31 + pixel) | 0, 0);
}"""
INK = """canvas => {
    const {width, height} = canvas;
    const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
    return pixels.some((value, i) => i % 4 < 3 && value > 128);
}"""


EVERY_POINT = """box => {
    const map = box.latentMap, all = Array.from({length: map.n}, (_, i) => i);
    const cells = all.map((i) => map.cell(i));
    return JSON.stringify({
        ids: all.map((i) => map.id(map.row[i])),
        rows: all.map((i) => map.row[i]),
        shown: all.map((i) => Boolean(map.isShown(i))),
        clusters: all.map((i) => map.cluster[map.row[i]]),
        places: all.map((i) => map.toMap(map.screen(i))),
        urls: [...new Set(cells.map((cell) => cell.url))],
        sheets: cells.map((cell) => Number(cell.url.match(/(\\d+)[.]png$/)[1])),
        corners: cells.map((cell) => cell.corner),
        found: all.filter((i) => map.isShown(i) && i % 7 === 0).map((i) => {
            const [a, b] = map.screen(i), j = map.nearest(a, b, 14), [u, v] = map.screen(j);
            return [map.isShown(j), Math.hypot(a - u, b - v)];
        }),
    });
}"""
FILTERS = {
    "": lambda index: index["id"] != "",
    "?colour=label&only=4_9&images=test&clusters=1_8": lambda index: (
        (index["split"] == "test") & index["cluster"].isin([1, 8]) & index["label"].isin([4, 9])
    ),
}


@pytest.fixture(scope="module")
def shipped():
    return load_bundle(ROOT / "checkpoints" / "mnist")


@pytest.mark.parametrize("link", FILTERS, ids=lambda link: link or "all")
def test_every_point_is_its_image_under_any_filter(open_page, shipped, server, link):
    page = open_map(open_page, link)
    wait_for_pictures(page)
    page.locator(".box").evaluate("box => { box.latentMap.press({do: 'fit'}); }")
    point = json.loads(page.locator(".box").evaluate(EVERY_POINT))
    rows, index = np.array(point["rows"]), shipped.index
    assert np.array_equal(np.sort(rows), np.arange(len(index))) and len(rows) == 70_000
    known = index.take(rows)
    assert point["ids"] == known["id"].tolist()
    assert point["clusters"] == known["cluster"].tolist()
    assert point["shown"] == FILTERS[link](known).tolist()
    assert np.abs(np.array(point["places"]) - known[["umap_x", "umap_y"]]).to_numpy().max() < 1e-3
    assert all(shown and far < 1 for shown, far in point["found"]) and point["found"]
    if not link:
        cells = pictures(page, server, point)
        assert np.array_equal(cells, shipped.dataset.images(point["ids"])[:, 0].numpy())


def pictures(page, server, point):
    """Cut every point's picture out of the sheets that the server sends, as the map does."""
    sent = [page.request.get(f"{server}{url}").body() for url in point["urls"]]
    sheets = [np.asarray(Image.open(io.BytesIO(body))) for body in sent]
    number = [int(re.search(r"(\d+)[.]png$", url)[1]) for url in point["urls"]]
    known = dict(zip(number, sheets, strict=True))
    places = zip(point["sheets"], point["corners"], strict=True)
    return np.stack([known[k][y : y + 28, x : x + 28] for k, (x, y) in places])


def test_samples_and_a_way_have_pictures(open_page):
    page = open_map(open_page, "?also=samples-of-the-prior_path-to-another-class&image=test:18")
    for kind, says in (("sample", "a sample, no real image"), ("path", "frame 7 of 13")):
        where = page.locator(".box").evaluate(MARK, kind)
        page.mouse.move(where[0] + 200, where[1])
        page.mouse.move(*where)
        assert page.locator(".tip b").inner_text() in (says, "a sample, no real image")
        eventually(page, lambda: page.locator(".tip canvas").evaluate(INK))


MARK = """(box, kind) => {
    const map = box.latentMap, mark = map.marks.find((m) => m.kind === kind);
    box.scrollIntoView({block: 'center'});
    const [a, b] = map.fromMap(mark.at[Math.floor(mark.at.length / 2)]);
    const r = box.getBoundingClientRect();
    return [r.x + (a * r.width) / map.W, r.y + (b * r.height) / map.H];
}"""


def place_of(page):
    return parse_qs(urlsplit(page.url).query).get("place")


@pytest.fixture(scope="module")
def page(open_for_all):
    """A map that the tests below use in turn."""
    return open_map(open_for_all)


def test_pointing_shows_the_image(page):
    wait_for_pictures(page)
    point_at(page, a_point(page))
    assert re.fullmatch(r"(train|test):\d+", page.locator(".tip b").inner_text())
    assert "cluster" in page.locator(".tip span").inner_text()
    eventually(page, lambda: page.locator(".tip canvas").evaluate(INK))


def test_click_selects_the_image(page, wait_until_selected):
    where = a_point(page)
    point_at(page, where)
    image_id = page.locator(".tip b").inner_text()
    page.mouse.click(*where)
    wait_until_selected(page, image_id)


def test_keys_walk_and_select(page, wait_until_selected):
    page.locator("canvas.over").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    image_id = page.locator(".tip b").inner_text()
    assert image_id != "test:0"
    page.keyboard.press("Enter")
    wait_until_selected(page, image_id)


def test_the_legend_shows_only_what_is_clicked(page, shipped):
    chip = page.locator(".chip").nth(3)  # of the 3s and the 5s: chips are in the order of names
    threes, fives = (shipped.clusters.order[k] for k in (3, 5))
    chip.focus()
    chip.press("Enter")
    page.wait_for_url(lambda url: f"only={threes}" in url)
    settle(page)
    assert chip.get_attribute("aria-pressed") == "true"
    page.locator(".chip").nth(5).click(modifiers=["Control"])
    page.wait_for_url(lambda url: "only=" + "_".join(map(str, sorted((threes, fives)))) in url)
    settle(page)
    chip.click()
    chip.click()
    page.wait_for_url(lambda url: "only" not in url)
    settle(page)


def test_any_place_is_decoded_by_pointer_and_by_keyboard(page):
    x, y = a_point(page)
    page.keyboard.down("Shift")
    page.mouse.click(x + 40, y + 20)
    page.keyboard.up("Shift")
    page.get_by_role("heading", name="What would be here?").wait_for()
    first = place_of(page)
    settle(page)
    page.mouse.move(*page.locator(".box").evaluate(MARK, "place"))
    page.locator(".tip b", has_text="decoded, no real image").wait_for()
    eventually(page, lambda: page.locator(".tip canvas").evaluate(INK))
    page.get_by_role("button", name="What is here?").press("Enter")
    page.locator("canvas.over").focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("place") != first)
    page.locator("button[data-do=forget]").click()
    page.wait_for_url(lambda url: "place" not in url)
    settle(page)


def test_colours_redraw_the_map(open_page):
    page = open_map(open_page)
    canvas = page.locator("canvas.points")
    before = canvas.evaluate(FINGERPRINT)
    page.get_by_role("combobox", name="Colour by").click()
    page.get_by_role("option", name="Confidence").click()
    eventually(page, lambda: canvas.evaluate(FINGERPRINT) != before)
    assert page.locator(".legend").inner_text().startswith("Confidence")


def test_lasso_gives_a_grid(page):
    before = page.locator(".grid button").count()
    page.locator("button[data-mode=lasso]").click()
    x, y = a_point(page)
    page.mouse.move(x + 60, y)
    page.mouse.down()
    for step in range(1, 24):
        angle = step * math.tau / 24
        page.mouse.move(x + 60 * math.cos(angle), y + 60 * math.sin(angle))
    page.mouse.up()
    page.locator("button[data-do=clear]").wait_for()
    settle(page)
    eventually(page, lambda: page.locator(".grid button").count() > before)
    page.locator("button[data-do=clear]").click()
    eventually(page, lambda: page.locator(".grid button").count() == before)


def open_map(open_page, link=""):
    page = open_page(f"latent_map{link}")
    page.locator(".box[data-ready]").wait_for()
    settle(page)
    return page


def a_point(page):
    """Find a pixel where a point is drawn, in the page's coordinates."""
    page.locator("canvas.points").scroll_into_view_if_needed()
    return page.locator("canvas.points").evaluate(A_POINT)


def point_at(page, where):
    page.mouse.move(*where)
    page.locator(".tip").wait_for()


def wait_for_pictures(page):
    """Wait until the server has made the pictures, which it does once a bundle."""
    page.get_by_text("Preparing the pictures").wait_for(state="hidden")
    settle(page)


def eventually(page, holds):
    """Wait for what no single state of the page announces, as long as for anything else."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if holds():
            return
        page.evaluate("new Promise(requestAnimationFrame)")
    raise AssertionError("This did not come to hold.")
