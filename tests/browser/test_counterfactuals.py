"""The Counterfactuals page under a pointer and a keyboard: target, film, sheet, files, links."""

import io
import re
import zipfile
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from .conftest import settle

LINK = "counterfactuals?bundle=mnist&image=test:0&of=classifier&to=3&tab=every-class"
FRAMES = 13


@pytest.fixture(scope="module")
def page(open_for_all):
    """A page that the tests use in turn; each leaves it as it was, but for the frame."""
    return open_for_all(LINK)


def test_choosing_a_target_changes_the_picture_and_the_link_holds_it(page, open_page):
    for target in ("to 5", "to 3"):
        target_button(page, target).click()
        page.get_by_text(f"turns this image from 7 into {target[3:]}").wait_for()
        settle(page)
        assert target_button(page, target).get_attribute("aria-pressed") == "true"
        page.locator("svg text", has_text=f"as {target[3:]}").wait_for()
    assert setting(page, "to") == "3"
    copied = urlsplit(page.url)
    other = open_page(f"{copied.path}?{copied.query}".lstrip("/"))
    other.get_by_text("turns this image from 7 into 3").wait_for()
    assert seen(other) == seen(page)


def test_the_film_can_be_scrubbed_by_key_and_by_click(page):
    page.locator("p", has_text=f"Frame {FRAMES} of {FRAMES}").wait_for()
    last = picture(page, "frame")
    page.get_by_role("slider", name="Frame").press("ArrowLeft")
    page.locator("p", has_text=f"Frame {FRAMES - 1} of {FRAMES}").wait_for()
    page.wait_for_url(lambda url: f"frame={FRAMES - 1}" in url)
    settle(page)
    assert picture(page, "frame") != last
    frame = page.locator(".grid button[data-id='frame 2']")
    frame.focus()
    frame.press("Enter")
    page.locator("p", has_text=f"Frame 2 of {FRAMES}").wait_for()
    page.wait_for_url(lambda url: "frame=2" in url)
    settle(page)
    page.get_by_text("turns this image from 7 into 3").wait_for()


def test_explaining_clusters_names_them(page):
    page.get_by_role("radio", name="the cluster model").click()
    page.get_by_text(re.compile("turns this image from 7s into")).wait_for()
    settle(page)
    assert setting(page, "of") is None
    page.get_by_role("radio", name="the classifier").click()
    page.get_by_text("turns this image from 7 into 3").wait_for()
    settle(page)


def test_files_hold_what_is_shown(page):
    film = Image.open(io.BytesIO(saved(page, "gif", "film")))
    assert film.n_frames == 2 * FRAMES - 2 and b"test:0" in film.info["comment"]
    arrays = np.load(io.BytesIO(saved(page, "npz", "counterfactual")), allow_pickle=False)
    assert arrays["frames"].shape == (FRAMES, 28, 28) and int(arrays["target"]) == 3
    assert "mnist" in str(arrays["about"])
    assert saved(page, "csv", "path").startswith(b"# bundle: mnist")
    picture_file = Image.open(io.BytesIO(saved(page, "png", "counterfactual")))
    assert picture_file.text["image"] == "test:0"
    assert zipfile.is_zipfile(io.BytesIO(saved(page, "npz", "counterfactual")))


def test_the_sheet_is_computed_while_the_page_can_be_used(page):
    page.get_by_role("button", name="Compute the sheet").click()
    page.get_by_text("turned into; on the diagonal").wait_for()
    settle(page)
    sheet = page.locator(".sheet img")
    assert "10 rows of 10 images" in sheet.get_attribute("alt")
    assert setting(page, "sheet") == "yes"
    page.get_by_role("button", name="Close", exact=True).click()
    sheet.wait_for(state="detached")
    settle(page)
    assert setting(page, "sheet") is None


def target_button(page, name):
    return page.locator(f".grid button[data-id='{name}']")


def setting(page, name):
    return parse_qs(urlsplit(page.url).query).get(name, [None])[0]


def picture(page, key):
    return page.locator(f".st-key-picture-{key} img").get_attribute("src")


def seen(page):
    """What the page says, and the ids, captions and choices of its grids; times left out."""
    grids = page.locator(".grid").evaluate_all("all => all.map((grid) => grid.innerText)")
    said = page.get_by_test_id("stHeading").all_inner_texts()
    pressed = page.locator(".grid button[aria-pressed=true]")
    return grids, said, pressed.evaluate_all("all => all.map((node) => node.dataset.id)")


def saved(page, kind, name):
    """Press the button that saves something; give the file."""
    with page.expect_download() as found:
        page.locator(f".st-key-save-{kind}-{name} button").first.click()
    return found.value.path().read_bytes()
