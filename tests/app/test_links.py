"""A copied link restores what was seen; nonsense in the URL falls back and is cleaned."""

import random
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlencode

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard import links, state
from xai_core.data.user_images import is_own, own_id, own_image
from xai_core.errors import DataError

MANY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CLUSTERS = tuple(range(10))
SETTINGS = {
    "colour": {"default": "cluster", "options": ("cluster", "label", "elbo", "kl_c")},
    "images": {"default": "all", "options": ("all", "train", "test")},
    "clusters": {"default": [], "options": CLUSTERS},
    "picked": {"default": None, "options": (None, *CLUSTERS)},
    "scale": {"default": "Same for all images", "options": ("Same for all images", "Fitted")},
    "cells": {"default": "Counts", "options": ("Counts", "% of the label")},
    "all": {"default": False},
    "seed": {"default": 0, "span": (0, 10**6, 1)},
    "reach": {"default": 3.0, "span": (0.5, 5.0, 0.5)},
    "z3": {"default": 0.0, "span": (-4.0, 4.0, 0.1)},
}
NONSENSE = ("", " ", "nan", "inf", "-1", "1e99", "12", "0.05", "3_3", "3_x", "_", "none_1", "<b>",
            "../etc", "a" * 3000, "9" * 5000, "0x1", "yes ", "\N{SNOWMAN}", "1.2", "1.2_3.4",
            "nan.1_2.3_4.5", "1.2_3_4.5", "99999999999.0_1.2_3.4", "%00", "None", "own:",
            "own:eNpjYBhy", own_id(np.eye(28, dtype=np.uint8))[:-2],
            "own:" + "A" * 3000)  # fmt: skip


class Address(dict):
    """The browser's address, as `st.query_params` shows it."""

    def to_dict(self):
        return dict(self)

    def from_dict(self, params):
        self.clear()
        self.update(params)


class Tab:
    """One browser tab: a session and an address, and a page with every kind of setting."""

    def __init__(self, query=""):
        self.session_state = {}
        self.query_params = Address()
        self.open(query)

    @property
    def query(self):
        return urlencode(self.query_params)

    def open(self, query):
        found = {name: values[-1] for name, values in parse_qs(query).items()}
        self.query_params.from_dict(found)

    def run(self, monkeypatch, settings=SETTINGS):
        """Run the page; give what it shows."""
        monkeypatch.setattr(state, "st", self)
        state.read_link()
        if state.bundle_name() != "mnist":
            state.select_bundle("mnist")
        if not is_known(state.selected_id()):
            state.select_image("test:0")
        shown = {name: state.keep(name, link=name, **kind) for name, kind in settings.items()}
        shown |= {"lasso": state.lasso(), "image": state.selected_id()}
        state.write_link()
        return shown


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(state.time, "monotonic", lambda: now.seconds)
    return now


def any_value(rng, kind):
    if "span" in kind:
        low, high, step = kind["span"]
        return type(kind["default"])(
            round(low + step * rng.randint(0, round((high - low) / step)), 10)
        )
    options = kind.get("options", (False, True))
    if isinstance(kind["default"], list):
        return rng.sample(options, rng.randint(0, len(options)))
    return rng.choice(options)


def is_known(image_id):
    if not is_own(image_id):
        return image_id.startswith("test:")
    try:
        own_image(image_id)
    except DataError:
        return False
    return True


def any_image(rng):
    """An image of the data set, or one of one's own: strokes, specks, noise or nothing."""
    if rng.random() < 0.5:
        return f"test:{rng.randrange(10000)}"
    pixels = np.frombuffer(rng.randbytes(784), np.uint8).reshape(28, 28)
    return own_id(np.where(pixels < rng.choice((0, 3, 60, 256)), pixels[::-1], 0).astype(np.uint8))


def any_lasso(rng):
    return [[rng.uniform(-20, 20), rng.uniform(-20, 20)] for _ in range(rng.randint(3, 900))]


@MANY
@given(rng=st.integers(0, 2**32).map(random.Random))
def test_a_copied_link_restores_exactly_what_was_seen(monkeypatch, rng):
    tab = Tab()
    tab.run(monkeypatch)
    for name in rng.sample(list(SETTINGS), rng.randint(0, len(SETTINGS))):
        state.put_setting(name, any_value(rng, SETTINGS[name]))
    state.select_image(any_image(rng))
    if rng.random() < 0.3:
        state.set_lasso(any_lasso(rng))
    seen = tab.run(monkeypatch)
    other = Tab(tab.query)
    assert other.run(monkeypatch) == seen
    assert other.query == tab.query
    changed = {name for name, kind in SETTINGS.items() if seen[name] != kind["default"]}
    assert set(tab.query_params) - {"bundle", "image", "lasso"} == changed


@MANY
@given(
    query=st.dictionaries(
        st.sampled_from([*SETTINGS, "lasso", "image", "bundle", "unknown"]),
        st.sampled_from(NONSENSE) | st.text(max_size=20),
        max_size=6,
    )
)
def test_nonsense_falls_back_to_the_default_and_is_cleaned(monkeypatch, query):
    tab = Tab(urlencode(query))
    shown = tab.run(monkeypatch)
    for name, kind in SETTINGS.items():
        offered = kind.get("options", (False, True))
        value = shown[name]
        if "span" in kind:
            assert kind["span"][0] <= value <= kind["span"][1]
        else:
            assert set(value) <= set(offered) if isinstance(value, list) else value in offered
    assert shown["image"] == "test:0" and tab.query_params["bundle"] == "mnist"
    assert "unknown" not in tab.query_params
    clean = Tab(tab.query)
    assert clean.run(monkeypatch) == shown and clean.query == tab.query


def test_what_is_not_allowed_is_the_default(subtests):
    for name in SETTINGS:
        for text in ["", "nan", "1e99", "no-such", "3_3", "../x", "0.123"]:
            with subtests.test(name=name, text=text):
                kind = {"options": (False, True)} | SETTINGS[name]
                if "span" in kind:
                    kind.pop("options")
                assert links.Setting(**kind).read(text) == SETTINGS[name]["default"]


def test_a_change_wins_over_the_url_that_it_replaces(monkeypatch, clock):
    tab = Tab("bundle=mnist&image=test:7&colour=label")
    assert tab.run(monkeypatch)["colour"] == "label"
    state.put_setting("colour", "elbo")
    assert tab.run(monkeypatch)["colour"] == "elbo"
    assert tab.query_params["colour"] == "elbo"


def test_a_url_that_the_browser_reports_late_undoes_nothing(monkeypatch, clock):
    tab = Tab()
    tab.run(monkeypatch)
    late = tab.query
    state.put_setting("colour", "label")
    tab.run(monkeypatch)
    tab.open(late)
    assert tab.run(monkeypatch)["colour"] == "label"
    clock.seconds += 60
    tab.open(late)
    assert tab.run(monkeypatch)["colour"] == "cluster", "a whole link says all"


def test_the_bare_url_of_a_page_changes_nothing(monkeypatch, clock):
    tab = Tab()
    tab.run(monkeypatch)
    state.put_setting("colour", "label")
    seen = tab.run(monkeypatch)
    clock.seconds += 60
    tab.open("")
    assert tab.run(monkeypatch) == seen and tab.query_params["colour"] == "label"


def test_a_link_to_one_page_leaves_the_settings_of_others(monkeypatch, clock):
    tab = Tab()
    tab.run(monkeypatch)
    state.put_setting("colour", "label")
    tab.run(monkeypatch)
    clock.seconds += 60
    tab.open("bundle=mnist&image=test:3&reach=5")
    some = {"reach": SETTINGS["reach"]}
    assert tab.run(monkeypatch, some)["reach"] == 5.0
    clock.seconds += 60
    tab.open("")
    assert tab.run(monkeypatch)["colour"] == "label"


def test_a_setting_drawn_later_still_comes_from_the_link(monkeypatch, clock):
    tab = Tab("bundle=mnist&image=test:0&reach=5&all=yes")
    tab.run(monkeypatch, {"all": SETTINGS["all"]})
    assert state.keep("reach", link="reach", **SETTINGS["reach"]) == 5.0


def test_a_fragment_that_runs_alone_writes_its_setting_at_once(monkeypatch, clock):
    tab = Tab()
    tab.run(monkeypatch)
    state.put_setting("reach", 4.0)
    state.keep("reach", link="reach", **SETTINGS["reach"])
    assert tab.query_params["reach"] == "4"
    state.put_setting("reach", 3.0)
    state.keep("reach", link="reach", **SETTINGS["reach"])
    assert "reach" not in tab.query_params
    assert tab.run(monkeypatch)["reach"] == 3.0


def test_a_lasso_keeps_its_shape_within_a_hundredth_and_has_an_end():
    corners = any_lasso(random.Random(0)) * 3
    kept = links.snapped(corners)
    assert 3 <= len(kept) <= links.MAX_CORNERS
    assert links.read_corners(links.write_corners(kept)) == kept
    few = corners[:20]
    assert max(abs(a - b) for p, q in zip(few, links.snapped(few), strict=True)
               for a, b in zip(p, q, strict=True)) <= 0.00501  # fmt: skip


def test_names_in_the_url_are_plain_and_differ():
    assert links.slug("% of the label") == "of-the-label"
    assert [links.slug(v) for v in (True, False, None, 3)] == ["yes", "no", "none", "3"]


def test_what_is_no_place_is_none(subtests):
    for text in ["", "1", "1.2_3.4", "1.2.3", "a.b", "1.2_", "99999999.1"]:
        with subtests.test(text=text):
            assert links.read_place(text) is None


def test_a_place_is_kept_to_a_hundredth():
    (kept,) = links.snapped([[-3.14159, 2.71828]])
    assert links.read_place(links.write_corners([kept])) == [kept] == [[-3.14, 2.72]]


def test_the_readme_names_every_page():
    text = (Path(links.__file__).parent / "README.md").read_text("utf-8")
    for name, page in links.LISTED.items():
        assert f"| {page.title} | `/{'' if name == 'home' else name}` |" in text, name
