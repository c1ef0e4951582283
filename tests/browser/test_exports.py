"""What is saved from a page, as a browser saves it."""

from pathlib import Path

LOADED = "images => images.every((image) => image.naturalWidth > 0 && image.alt)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


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
    for theme, colour in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(16, 20, 27)")):
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
    chart = page.get_by_test_id("stPlotlyChart").nth(3)
    chart.scroll_into_view_if_needed()
    chart.hover()
    name, path = saved(page, chart.locator(".modebar-btn").first)
    assert name == "mnist-terms-test-18.svg"
    drawn = path.read_text()
    assert drawn.startswith("<svg") and "nats" in drawn
    assert "bundle: mnist (" in drawn and "image: test:18" in drawn and "cluster-vae-xai" in drawn
