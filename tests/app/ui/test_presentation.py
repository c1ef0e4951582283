"""A talk: `?present=1` is kept from page to page, and ends."""

from dashboard.links import PAGES
from dashboard.ui.frame import presentation

from ..parts import linked, widget


def test_a_talk_is_begun_by_a_link_goes_along_and_ends(open_page, component, send):
    app = open_page("home", present="1")
    data, _ = component(app, "presentation keys")
    assert data["stops"] == ["", *presentation.STOPS[1:]] and len(data["stops"]) == 6
    app.switch_page(PAGES["model_card"]).run()
    assert linked(app, "present") == "1" and component(app, "presentation keys")
    send(app, "presentation keys", "leave", True)
    assert linked(app, "present") is None
    assert not [e for e in app.get("bidi_component") if "presentation keys" in e.proto.id]


def test_a_talk_is_begun_by_a_button_and_not_by_nonsense(open_page):
    app = open_page("home", present="2")
    assert linked(app, "present") is None
    widget(app.button, "Present").click().run()
    assert linked(app, "present") == "1"
