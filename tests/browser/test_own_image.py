"""Your image in a real browser: drawn by hand or by keys, uploaded, explained, linked to."""

import io
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from .conftest import settle

FIVE = ((0.68, 0.2), (0.35, 0.2), (0.33, 0.45), (0.5, 0.42), (0.65, 0.52), (0.66, 0.68),
        (0.52, 0.8), (0.33, 0.76))  # fmt: skip
COUNTERFACTUAL = "[class*=st-key-picture-own-counterfactual] img"


@pytest.fixture(scope="module")
def files():
    """A seven in dark ink on light paper, as PNG and as JPEG, and a text that says it is one."""
    paper = np.full((200, 160), 235, np.uint8)
    paper[40:55, 30:120] = 20
    for row in range(55, 170):
        left = 108 - (row - 55) // 2
        paper[row, left : left + 14] = 20
    found = {"text.png": b"no image at all"}
    for kind in ("PNG", "JPEG"):
        content = io.BytesIO()
        Image.fromarray(paper).save(content, kind)
        found[f"seven.{kind.lower()}"] = content.getvalue()
    return [{"name": n, "mimeType": "image/png", "buffer": b} for n, b in found.items()]


def image_of(page):
    return parse_qs(urlsplit(page.url).query).get("image", [""])[0]


def draw(page, line=FIVE):
    """Draw a line with the mouse."""
    sheet = page.locator("canvas.ink")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    points = [(box["x"] + box["width"] * a, box["y"] + box["height"] * b) for a, b in line]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def wait_for_another(page, image_id):
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("image") != [image_id])
    page.locator(COUNTERFACTUAL).wait_for()
    settle(page)


def test_a_digit_drawn_by_mouse_is_explained_undone_and_linked_to(open_page):
    page = open_page("own_image")
    first = image_of(page)
    draw(page)
    wait_for_another(page, first)
    five = image_of(page)
    assert five.startswith("own:") and page.get_by_test_id("stException").count() == 0
    main = page.get_by_test_id("stMain")
    for words in ("Which cluster?", "Where among all images?", "Reconstruction", "As "):
        assert main.get_by_text(words).count(), words
    draw(page, ((0.1, 0.1), (0.9, 0.9)))
    wait_for_another(page, five)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("image") == [five])

    other = open_page(f"own_image?{urlsplit(page.url).query}")
    assert image_of(other) == five and other.locator(COUNTERFACTUAL).count() == 1
    ink = "canvas => canvas.getContext('2d').getImageData(0, 0, 112, 112).data.some((v, i) => "
    assert other.locator("canvas.ink").evaluate(ink + "i % 4 === 0 && v > 200)")

    page.get_by_role("button", name="Clear").click()
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("image") == [first])
    page.get_by_text("No image yet").wait_for()


def test_a_digit_can_be_drawn_by_keyboard_and_followed_to_another_page(open_page):
    page = open_page("own_image", width=390)
    first = image_of(page)
    page.locator("canvas.ink").focus()
    page.keyboard.press(" ")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    wait_for_another(page, first)
    bar = image_of(page)
    page.keyboard.press("Backspace")
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("image") == [first])
    other = open_page(f"latent_map?bundle=mnist&image={bar}")
    assert image_of(other) == bar
    assert other.get_by_test_id("stException").count() == 0


def test_a_png_and_a_jpeg_are_taken_and_a_text_is_refused_by_name(open_page, files):
    page = open_page("own_image?by=upload")
    first = image_of(page)
    page.locator("input[type=file]").set_input_files(files)
    wait_for_another(page, first)
    assert "text.png" in page.get_by_test_id("stAlertContentError").inner_text()
    page.locator(".grid button.cell").nth(1).wait_for()
    assert page.locator(".grid button.cell").count() == 2
    assert page.get_by_alt_text("seven.png, as uploaded").count() == 1
    chosen = image_of(page)
    page.locator(".grid button.cell[aria-pressed=false]").click()
    wait_for_another(page, chosen)
    assert page.get_by_alt_text("seven.jpeg, as uploaded").count() == 1
