"""A training on the real server: started, found again by another tab, stopped, removed."""

import pytest

from ..patience import PATIENCE
from .conftest import served, settle


@pytest.fixture
def address(tmp_path):
    with served(tmp_path / "log.txt", cwd=tmp_path, OMP_NUM_THREADS="1") as at:
        yield at


def test_a_training_outlives_the_tab(address, browser, tmp_path):
    page = opened(address, browser)
    page.get_by_label("Train images", exact=True).fill("1000")
    page.get_by_label("Train images", exact=True).press("Enter")
    settle(page)
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("button", name="Stop training").wait_for()
    page.context.close()
    page = opened(address, browser)
    page.get_by_role("button", name="Stop training").click()
    page.get_by_role("button", name="Resume").wait_for()
    page.get_by_role("button", name="Remove", exact=False).first.click()
    page.get_by_role("button", name="Remove it").click()
    page.get_by_text("No training is running").wait_for()
    assert page.get_by_test_id("stException").count() == 0
    page.context.close()
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [".runs"]


def opened(address, browser):
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.goto(f"{address}/train")
    settle(page)
    return page
