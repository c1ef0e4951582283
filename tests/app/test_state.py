import pytest
from streamlit.testing.v1 import AppTest

from dashboard import links

from .parts import linked


def _settings():
    import streamlit as st

    from dashboard import state

    if st.toggle("show", value=True):
        st.slider("Steps", 0, 100, **state.bind("steps", 20))
        options = ["a", "b"] if st.toggle("few") else ["a", "b", "c"]
        st.selectbox("Letter", options, **state.bind("letter", "a", options))
    st.text(f"{state.setting('steps')} {state.setting('letter')}")


def settings_app():
    return AppTest.from_function(_settings).run()


def test_a_widget_keeps_its_value_while_it_is_away():
    app = settings_app()
    app.slider[0].set_value(70).run()
    app.toggle[0].set_value(False).run()
    assert not app.slider and app.text[0].value == "70 a"
    app.toggle[0].set_value(True).run()
    assert app.slider[0].value == 70


def test_a_kept_value_that_is_no_longer_offered_falls_back():
    app = settings_app()
    app.selectbox[0].set_value("c").run()
    assert app.text[0].value == "20 c"
    app.toggle[1].set_value(True).run()
    assert not app.exception and app.selectbox[0].value == "a"


def test_the_selected_image_and_bundle_are_in_the_url(open_page):
    app = open_page()
    assert linked(app, "image") == "test:0" and linked(app, "bundle") == "bars"
    app.button("step Next").click().run()
    assert linked(app, "image") == "test:1"


def test_a_link_opens_its_image_on_any_page(open_page, text_of):
    app = open_page(image="train:7")
    assert "`train:7`" in text_of(app)
    app.switch_page(links.PAGES["latent_map"]).run()
    assert "`train:7`" in text_of(app)


def test_nonsense_in_the_url_falls_back_and_is_cleaned(open_page, text_of):
    for image in ("train:40", "test:-1", "test:", "../etc", "<b>", "test:1e3", "TEST:1"):
        app = open_page(image=image, bundle="no such bundle")
        assert linked(app, "image") == "test:0", image
        assert linked(app, "bundle") == "bars"
        assert "`test:0`" in text_of(app)


def test_a_click_is_not_undone_by_the_url_it_replaces(open_page, text_of):
    app = open_page(image="train:7")
    app.button("step Previous").click().run()
    assert "`train:6`" in text_of(app) and linked(app, "image") == "train:6"
    app.run()
    assert "`train:6`" in text_of(app)


def test_a_new_link_in_the_same_session_wins(open_page, text_of):
    app = open_page(image="train:7")
    app.query_params["image"] = "test:3"
    app.run()
    assert "`test:3`" in text_of(app)


def test_previous_and_next_go_round_and_cross_the_splits(open_page):
    app = open_page(image="train:0")
    app.button("step Previous").click().run()
    assert linked(app, "image") == "test:19"
    app.button("step Next").click().run()
    assert linked(app, "image") == "train:0"


def test_two_people_never_share_a_selection(open_page, text_of):
    one, other = open_page(image="train:1"), open_page(image="train:2")
    one.run()
    assert "`train:1`" in text_of(one) and "`train:2`" in text_of(other)


PAGES = {
    "home": {"show": "least-sure", "draw": "3"},
    "latent_map": {"colour": "elbo", "images": "test", "clusters": "1", "table": "yes",
                   "lasso": "-100000.-100000_100000.-100000_0.100000"},
    "reconstructions": {"error": "fitted-to-this-image", "by": "kl-c", "split": "train",
                        "rescaled": "yes", "reach": "4.5", "z1": "-1.2", "z0": "0.5"},
    "clusters": {"cluster": "1", "temperature": "0.5", "draw": "2", "order": "most-sure",
                 "members": "train", "border": "this-cluster-only",
                 "borders": "train",
                 "confusion": "train", "cells": "of-the-label"},
    "counterfactuals": {"of": "classifier", "method": "pixel", "frame": "4", "starts": "2",
                        "tab": "other-answers"},
}  # fmt: skip


def follow(app, page, query):
    """Open a whole link in a page, as a new tab does."""
    app.query_params.clear()
    for name, value in {"bundle": "bars", "image": "test:3", **query}.items():
        app.query_params[name] = value
    if page != "home":
        app.switch_page(links.PAGES[page])
    app.run()
    assert not app.exception, app.exception[0].message
    return {name: linked(app, name) for name in app.query_params}


def shown(app):
    """All that a page draws: text, widgets, charts and components."""
    kinds = ("selectbox", "multiselect", "slider", "toggle", "segmented_control")
    widgets = [(w.label, w.value) for kind in kinds for w in app.get(kind)]
    drawn = [e.proto.spec for e in app.get("plotly_chart")]
    drawn += [e.proto.json for e in app.get("bidi_component")]
    return widgets, drawn, [e.value for e in (*app.markdown, *app.caption)]


@pytest.mark.parametrize("page", PAGES)
def test_a_link_restores_a_page_to_what_was_seen(open_page, page):
    app = open_page()
    query = follow(app, page, PAGES[page])
    expected = {"bundle": "bars", "image": "test:3", **PAGES[page]}
    assert expected.items() <= query.items()
    other = open_page()
    assert follow(other, page, query) == query
    assert shown(other) == shown(app)


@pytest.mark.parametrize("page", PAGES)
def test_nonsense_in_a_pages_settings_shows_the_page_as_it_opens(open_page, page):
    app, plain = open_page(), open_page()
    nonsense = dict.fromkeys([*PAGES[page], "no-such-setting"], "<nonsense>")
    assert follow(app, page, nonsense) == {"bundle": "bars", "image": "test:3"}
    follow(plain, page, {})
    assert shown(app) == shown(plain)


def test_a_widget_writes_its_setting_and_takes_its_default_out_again(open_page):
    app = open_page("latent_map")
    colour = next(s for s in app.selectbox if s.label == "Colour by")
    colour.set_value("elbo").run()
    assert linked(app, "colour") == "elbo"
    next(s for s in app.selectbox if s.label == "Colour by").set_value("cluster").run()
    assert "colour" not in app.query_params


def test_settings_stay_behind_on_their_page(open_page):
    app = open_page("latent_map")
    next(s for s in app.selectbox if s.label == "Colour by").set_value("elbo").run()
    app.switch_page(links.PAGES["clusters"]).run()
    assert "colour" not in app.query_params
    app.switch_page(links.PAGES["latent_map"]).run()
    assert linked(app, "colour") == "elbo"
