"""Names from a bundle are shown as they are: nothing in them is read as Markdown, HTML or TeX."""

import dataclasses

import pytest

from xai_core.bundle.writing import save_bundle

from .conftest import ROOT, _open, served, settle
from .test_controls import in_main
from .test_pages import PAGES

NAMES = (
    "![x](http://evil.invalid/x.png)<script>alert(1)</script>`a $x$ :red[x] | b |",
    "# <img src=x onerror=alert(1)> **x** [x](http://evil.invalid) www.evil.invalid :smile: `",
)
FOUND = r"""names => {
    const deep = (root) => [...root.querySelectorAll('*')].flatMap((node) =>
        [node, ...(node.shadowRoot ? deep(node.shadowRoot) : [])]);
    const all = deep(document);
    return all.filter((node) => /evil\.invalid|javascript:/i.test(node.src ?? '') ||
        /evil\.invalid|javascript:/i.test(String(node.href?.baseVal ?? node.href ?? '')) ||
        node.hasAttribute('onerror') ||
        (node.tagName === 'SCRIPT' && node.textContent === 'alert(1)') ||
        (node.matches('.katex, .stMarkdownColoredText') && node.textContent.includes('x')
            && names.some((name) => name.includes(node.textContent)))
    ).map((node) => node.outerHTML.slice(0, 200));
}"""
"""Elements that only a name can have made."""


@pytest.fixture(scope="module")
def server(tiny_parts, tmp_path_factory):
    """A dashboard whose only bundle has hostile names wherever a bundle may hold a text."""
    root = tmp_path_factory.mktemp("hostile")
    dataset = dataclasses.replace(
        tiny_parts["dataset"], class_names=NAMES, name=NAMES[0], source=NAMES[1], report=NAMES
    )
    configs = {"training": {"preset": NAMES[0]}}
    parts = tiny_parts | {"dataset": dataset, "configs": configs}
    for name in ("hostile", "hostile-too"):
        save_bundle(root / "checkpoints" / name, **parts)
    with served(root / "log.txt", cwd=root, PYTHONPATH=str(ROOT)) as address:
        yield address


open_page = pytest.fixture(_open)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path or "home")
def test_a_page_shows_hostile_names_as_they_are(open_page, path):
    page = open_page(f"{path}?bundle=hostile&image=test:0")
    for summary in in_main(page, "[data-testid=stExpander] summary").all():
        summary.click()
    settle(page)
    assert page.get_by_test_id("stException").count() == 0
    assert page.evaluate(FOUND, list(NAMES)) == []
    label = page.locator(".st-key-selection").get_by_text("test:0 in").inner_text()
    said = label.replace("\N{WORD JOINER}", "")
    assert any(f"label {name}" in said for name in NAMES)
