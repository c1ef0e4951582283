"""Whatever a page shows can be saved: each section offers a file or a chart's own button."""

import json

import pytest

from dashboard import links

OTHERS = {
    *("own_image", "compare", "train"),
    *("theory_contents", "theory_hidden", "theory_inequalities", "theory_linear_vae"),
}
"""Pages that need more than a link to show something, and pages of prose."""
PAGES = [name for name in links.PAGES if name not in OTHERS]
NOTHING_SHOWN = {"Explore this image", "More", "The argument, with its numbers"}
"""Sections of links, and of prose."""
NOT_YET = {
    *("Inside the lasso", "What is here?", "As a table", "All tags"),
    *("Which ones fail a check", "Strategies", "Every class", "No test label is doubted"),
    *("What the gap is made of", "An exercise"),
    *("Are there copies of train images among the test images?", "Do these clusters persist?"),
}
"""Sections that show nothing before a person asks."""


def in_order(block):
    """Every element below a block, as a person meets them."""
    for child in block.children.values():
        if hasattr(child, "children"):
            yield from in_order(child)
        else:
            yield child


def saves(app):
    """What can be saved, by the heading it stands below."""
    found, heading = {"": set()}, ""
    for element in in_order(app.main):
        if element.type == "subheader":
            heading = element.value
            found[heading] = set()
        elif element.type == "download_button":
            found[heading].add(element.proto.label)
        elif element.type == "plotly_chart" or '"svg"' in getattr(element.proto, "json", ""):
            found[heading].add("chart")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_section_can_be_saved(open_page, page):
    app = open_page(page)
    lacking = {name for name, kinds in saves(app).items() if name and not kinds}
    assert lacking <= NOTHING_SHOWN | NOT_YET
    for chart in app.get("plotly_chart"):
        config = json.loads(chart.proto.config)
        assert config["modeBarButtons"] == [["toImage"]]
        assert config["toImageButtonOptions"]["format"] == "svg"
        name = config["toImageButtonOptions"]["filename"]
        assert name.startswith("bars-") and "test-0" in name, name
