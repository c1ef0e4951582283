"""Pages run without a browser, on a tiny bundle or on none."""

import json
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.testing.v1 import AppTest

from dashboard.links import PAGES
from dashboard.services.jobs import runs
from dashboard.ui import health
from dashboard.ui.components.latent_map import files
from xai_core.evaluation.health import Problem

from ..patience import PATIENCE
from .parts import unescaped

SCRIPT = Path(__file__).parents[2] / "dashboard" / "navigation.py"


@pytest.fixture(scope="session", autouse=True)
def static_folder(tmp_path_factory):
    """Where the map's files go, instead of into the project; served as in the project."""
    config.set_option("server.enableStaticServing", True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "STATIC", tmp_path_factory.mktemp("static"))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_search_for_components():
    """Look through the installed packages for components once, not once per `AppTest`."""
    with pytest.MonkeyPatch.context() as patch:
        search = cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", search)
        yield


@pytest.fixture(autouse=True)
def trainings_allowed(monkeypatch):
    """Without a server there is no address that would allow them."""
    monkeypatch.setenv(runs.SWITCH, "on")


@pytest.fixture
def open_page(tiny_bundle_path, monkeypatch):
    """Open a page of the dashboard on the tiny bundle `bars`."""
    monkeypatch.chdir(tiny_bundle_path.parents[1])
    return _open


@pytest.fixture
def open_page_without_bundle(tmp_path, monkeypatch):
    """Open a page where there is no bundle; the folder is `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAI_BUNDLES", raising=False)
    return _open


@pytest.fixture
def fresh_caches():
    """Forget what other tests loaded, before and after."""
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


def _open(page="home", **link):
    app = AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    if page != "home":
        app.switch_page(PAGES[page]).run()
    assert not app.exception, app.exception[0].message
    return app


@pytest.fixture
def healthy(monkeypatch):
    """Judge the tiny bundle healthy, which has too few test images to be so."""
    monkeypatch.setattr(health, "health_of", lambda manifest: ())


@pytest.fixture
def failing(monkeypatch):
    """Judge the bundle on the screen to have failed in all kinds."""
    monkeypatch.setattr(health, "health_of", lambda manifest: FAILURES)


FAILURES = tuple(
    Problem(kind=kind, sentence=f"Of {kind}, nothing was learned.", remedy=f"xai train --{kind}")
    for kind in ("classifier", "reconstruction", "collapse", "steps", "images")
)


@pytest.fixture
def text_of():
    """Join all that a page says, as a person reads it: without the marks of the escape."""

    def text(app):
        kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error", "code")
        said = "\n".join(str(e.value) for kind in kinds for e in app.get(kind))
        return unescaped(said)

    return text


@pytest.fixture
def component():
    """Give the data sent to a component whose key ends in a name, and its id."""

    def find(app, key):
        for element in app.get("bidi_component"):
            proto = element.proto
            if proto.id.endswith(f"-{key}"):
                return json.loads(proto.json), proto.id
        raise AssertionError(f"no component {key!r} on the page")

    return find


@pytest.fixture
def send(component):
    """Let a component of a page report an event, as the browser would."""

    def report(app, key, event, value):
        _, found = component(app, key)
        states = app._tree.get_widget_states()
        widget = states.widgets.add()
        widget.id = _make_trigger_id(found, "events")
        widget.json_trigger_value = json.dumps([{"event": event, "value": value}])
        app._run(states)
        assert not app.exception, app.exception[0].message
        return app

    return report
