"""What is saved from a page, as a browser saves it."""

import re
from pathlib import Path

import pytest

from tests.core.report.test_html import named
from tests.degenerate import save_set, write_set
from xai_core.bundle.reading import load_bundle
from xai_core.report.map_page import MapPageConfig, map_page

from .conftest import settle
from .test_access import AXE, findings

LOADED = "images => images.every((image) => image.naturalWidth > 0 && image.alt)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
WHITE, BLACK = "rgb(255, 255, 255)", "rgb(16, 20, 27)"


def saved(page, button):
    """Press a button and give the name and the path of the file it saves."""
    with page.expect_download() as download:
        button.click(force=True)
    return download.value.suggested_filename, Path(download.value.path())


def test_the_report_opens_offline_in_both_themes(open_page, browser, tmp_path):
    page = open_page("?bundle=mnist&image=test:18")
    name, path = saved(page, page.get_by_role("button", name="Report of test:18"))
    assert name == "mnist-report-test-18.html"
    report, problems = path.rename(tmp_path / name), []
    for theme, colour in (("light", WHITE), ("dark", BLACK)):
        context = browser.new_context(
            offline=True, color_scheme=theme, viewport={"width": 390, "height": 800}
        )
        sheet = context.new_page()
        sheet.on("console", lambda message: problems.append(message.text))
        sheet.on("request", lambda request: problems.append(request.url[:80])
                 if not request.url.startswith(("file:", "data:")) else None)  # fmt: skip
        sheet.goto(report.as_uri())
        assert sheet.locator("h1").inner_text() == "What mnist says about test:18"
        assert sheet.locator("img").evaluate_all(LOADED)
        assert sheet.evaluate(OVERFLOW) <= 0 and sheet.evaluate(BACKGROUND) == colour
        context.close()
    assert not problems


def test_a_chart_is_saved_as_svg_named_after_bundle_and_image(open_page):
    page = open_page("reconstructions?bundle=mnist&image=test:18")
    name, path = saved(page, page.get_by_role("button", name="Save as mnist-terms"))
    assert name == "mnist-terms-test-18.svg"
    drawn = path.read_text()
    assert drawn.startswith("<svg") and "nats" in drawn
    assert "bundle: mnist (" in drawn and "image: test:18" in drawn and "cluster-vae-xai" in drawn
    page.get_by_role("button", name="For print").first.click()
    menu = page.get_by_test_id("stPopoverBody")
    menu.get_by_text("SVG", exact=True).click()
    settle(page)
    name, path = saved(page, menu.get_by_role("button", name="Save"))
    assert name == "mnist-input-reconstruction-error-print-test-18.svg"
    assert 'width="180mm"' in path.read_text() and "image: test:18" in path.read_text()
    page.keyboard.press("Escape")
    settle(page)
    picture = page.get_by_role("img", name="Input image")
    picture.hover(position={"x": 100, "y": 150})
    value = page.locator("figure", has=picture).get_by_role("status")
    assert re.fullmatch(r"row \d+, column \d+: [01](\.\d+)?", value.inner_text())


HOSTILE = "<script>alert(1)</script>"
AT = """row => {
    const map = document.querySelector('.box').latentMap, box = map.over.getBoundingClientRect();
    const [x, y] = map.screen(map.place.get(row));
    return [box.left + x / map.R, box.top + y / map.R];
}"""
PICTURE = """() => {
    const canvas = document.querySelector('.tip canvas');
    if (canvas.offsetParent === null) return 0;
    const {data} = canvas.getContext('2d').getImageData(0, 0, 84, 84);
    return new Set(new Uint32Array(data.buffer)).size;
}"""
"""The number of colours in the picture shown at a point."""


@pytest.fixture(scope="module")
def exported(tiny_bundle, tiny_parts, tiny_dataset, tmp_path_factory):
    """Exported maps: of a bundle with hostile names, and of colour images that are not square."""
    folder = tmp_path_factory.mktemp("maps")
    colour = save_set(
        folder / "colour",
        write_set("colour", tiny_dataset.train, folder / "colour.npz"),
        tiny_parts,
    )
    bundles = {"hostile": named(tiny_bundle, HOSTILE), "colour": load_bundle(colour)}
    config = MapPageConfig(explained=4)
    for name, bundle in bundles.items():
        (folder / f"{name}.html").write_bytes(map_page(bundle, config=config))
    return folder


@pytest.fixture
def offline(browser, exported):
    """Open an exported map without a network; nothing may ask for one or raise."""
    problems, contexts = [], []

    def visit(name, theme, width):
        context = browser.new_context(
            offline=True, color_scheme=theme, viewport={"width": width, "height": 900},
            bypass_csp=True,  # for axe; Playwright's own scripts need no such right
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: problems.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("request", lambda request: problems.append(request.url[:80])
                if not request.url.startswith(("file:", "data:")) else None)  # fmt: skip
        page.goto((exported / f"{name}.html").as_uri())
        page.locator("#panel table").first.wait_for()
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not problems


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_exported_map_is_for_everyone(offline, theme, subtests):
    for width in (1400, 390):
        with subtests.test(width=width):
            page = offline("hostile", theme, width)
            assert page.locator("h1").inner_text() == f"Latent map of {HOSTILE}"
            assert page.evaluate(BACKGROUND) == {"light": WHITE, "dark": BLACK}[theme]
            assert page.evaluate(OVERFLOW) <= 0
            page.evaluate(AXE)
            assert findings(page) == []


@pytest.mark.parametrize("name", ["hostile", "colour"])
def test_the_exported_map_shows_finds_and_explains_images(offline, name):
    page = offline(name, "light", 1400)
    page.mouse.move(*page.evaluate(AT, 3))
    page.wait_for_function(f"({PICTURE})() > 1")
    assert page.locator(".tip b").inner_text().startswith(("train:", "test:"))
    page.get_by_role("searchbox").fill("test:1")
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="Selected image")
    assert panel.get_by_role("heading", name="test:1", exact=True).is_visible()
    label = page.evaluate("JSON.parse(data.textContent).columns.label.legend.names[0]")
    page.get_by_role("searchbox").fill(label)
    page.keyboard.press("Enter")
    assert "Find again for the next" in page.locator("#found").inner_text()
    assert f"label {label}" in panel.inner_text()
    page.locator("#explained button").first.press("Enter")
    assert panel.get_by_role("img").evaluate_all("images => images.length") == 5
    assert page.locator("#panel img").evaluate_all(LOADED)
    page.get_by_role("application").press("ArrowRight")
    page.keyboard.press("ArrowRight")
    walked = page.locator(".tip b").inner_text()
    page.keyboard.press("Enter")
    assert panel.get_by_role("heading", name=walked, exact=True).is_visible()
