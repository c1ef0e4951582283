"""The pages in a real browser: what a link holds, and what is drawn."""

from urllib.parse import unquote

import pytest

from dashboard.links import LISTED

from .conftest import settle

PAGES = {"": "Explore a cluster VAE"} | {
    name: page.title for name, page in LISTED.items() if name != "home"
}
"""The heading of each page by its address."""
DRAWN = """canvas => {
    const {width, height} = canvas;
    const context = width && height && canvas.getContext('2d');
    if (!context) return 0;
    const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
    return pixels.filter((pixel) => pixel !== pixels[0]).length;
}"""
LOADED = """async spans => (await Promise.all(spans.map(async (span) => {
    const image = new Image();
    image.src = getComputedStyle(span).backgroundImage.slice(5, -2);
    await image.decode();
    return image.naturalWidth;
}))).every((width) => width > 0)"""


def figures(page):
    """Count the pictures, grids and charts, after seeing that each is drawn."""
    images = page.locator("img")
    assert images.evaluate_all("all => all.every((image) => image.naturalWidth > 0)")
    lossy = images.evaluate_all("all => all.filter((image) => /[.]jpe?g$/.test(image.src)).length")
    assert lossy == 0
    grids = page.locator(".grid .pic")
    assert grids.evaluate_all(LOADED)
    charts = page.locator(".js-plotly-plot")
    assert charts.evaluate_all("all => all.every((c) => c.querySelector('svg.main-svg'))")
    drawings = page.locator(".chart > svg")
    canvases = page.locator("[data-testid=stMain] canvas.points")
    assert all(canvas.evaluate(DRAWN) > 0 for canvas in canvases.all())
    return sum(figure.count() for figure in (images, grids, charts, drawings, canvases))


def is_dark(page):
    """Tell whether the page's background is dark."""
    colour = page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    return sum(int(part) for part in colour[4:-1].split(",")[:3]) < 3 * 128


@pytest.mark.parametrize("path", ["", "latent_map"], ids=["home", "latent_map"])
def test_link_opens_on_its_image(open_page, path):
    page = open_page(f"{path}?bundle=mnist&image=test:123")
    assert "test:123" in page.locator(".st-key-selection").inner_text()


def test_link_to_a_missing_bundle_says_so(open_page):
    page = open_page("?bundle=nonesuch")
    assert "nonesuch" in page.get_by_test_id("stAlert").first.inner_text()
    assert page.get_by_test_id("stException").count() == 0


def test_picking_an_image_selects_it(open_page, wait_until_selected):
    page = open_page()
    chosen = page.locator(".grid button").nth(5)
    image_id = chosen.get_attribute("data-id")
    chosen.click()
    wait_until_selected(page, image_id)


def test_one_back_press_goes_back_one_page(open_page):
    page = open_page("?bundle=mnist&image=test:1")
    for path in ("heatmaps", "clusters"):
        page.get_by_test_id("stSidebarNavLink").and_(page.locator(f"[href$='/{path}']")).click()
        page.wait_for_url(lambda url, path=path: f"/{path}?" in url and "image=" in url)
        settle(page)
    for title in ("Heatmaps", "Explore a cluster VAE"):
        page.go_back()
        page.locator("h1", has_text=title).wait_for()
        settle(page)
    assert "image=test:1" in unquote(page.url)


def test_a_mean_of_the_density_follows_the_pointer_and_the_arrow_keys(open_page):
    page = open_page("theory_mixtures")
    handle = page.get_by_role("slider", name="μ₁", exact=True)
    curve = page.locator(".density .whole")
    before, box = curve.get_attribute("d"), handle.locator("circle").last.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"], steps=5)
    assert curve.get_attribute("d") != before
    page.mouse.up()
    page.wait_for_url(lambda url: "mean1=" in url)
    settle(page)
    moved = page.url
    handle.press("ArrowRight")
    page.wait_for_url(lambda url: url != moved)
    settle(page)
    assert page.get_by_test_id("stException").count() == 0


def test_the_cross_of_the_latent_plane_follows_the_pointer_and_the_arrow_keys(open_page):
    page = open_page("theory_plane?bundle=mnist-2d&image=test:3")
    plane, handle = page.locator(".plane svg"), page.locator(".plane .handle")
    preview = page.locator(".plane canvas")
    box = plane.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    preview.wait_for()
    assert preview.evaluate(DRAWN) > 0
    page.mouse.up()
    preview.wait_for(state="hidden")
    page.wait_for_url(lambda url: "z1=" in url and "z2=" in url)
    settle(page)
    before = page.url
    handle.press("ArrowRight")
    page.wait_for_url(lambda url: url != before)
    settle(page)
    assert page.get_by_test_id("stException").count() == 0
