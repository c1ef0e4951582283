"""The latent map under a pointer and a keyboard: hover, click, lasso, colours."""

import math
import re

from .conftest import settle

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


def test_pointing_shows_the_image(open_page):
    page = open_map(open_page)
    wait_for_pictures(page)
    point_at(page, a_point(page))
    assert re.fullmatch(r"(train|test):\d+", page.locator(".tip b").inner_text())
    assert "cluster" in page.locator(".tip span").inner_text()
    eventually(page, lambda: page.locator(".tip canvas").evaluate(INK))


def test_click_selects_the_image(open_page, wait_until_selected):
    page = open_map(open_page)
    where = a_point(page)
    point_at(page, where)
    image_id = page.locator(".tip b").inner_text()
    page.mouse.click(*where)
    wait_until_selected(page, image_id)


def test_keys_walk_and_select(open_page, wait_until_selected):
    page = open_map(open_page)
    page.locator("canvas.over").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    image_id = page.locator(".tip b").inner_text()
    assert image_id != "test:0"
    page.keyboard.press("Enter")
    wait_until_selected(page, image_id)


def test_lasso_gives_a_grid(open_page):
    page = open_map(open_page)
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


def test_colours_redraw_the_map(open_page):
    page = open_map(open_page)
    canvas = page.locator("canvas.points")
    before = canvas.evaluate(FINGERPRINT)
    page.get_by_role("combobox", name="Colour by").click()
    page.get_by_role("option", name="Confidence").click()
    eventually(page, lambda: canvas.evaluate(FINGERPRINT) != before)
    assert page.locator(".legend").inner_text().startswith("Confidence")


def open_map(open_page):
    page = open_page("latent_map")
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


def eventually(page, holds, seconds=30):
    """Wait for what no single state of the page announces."""
    for _ in range(seconds * 10):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError("This did not come to hold.")
