"""Results in a notebook: pictures, the main numbers, and no mark of theirs is read as HTML."""

import dataclasses

import pytest

from xai_core.attribution.of_bundle import attributions
from xai_core.counterfactual.of_bundle import counterfactuals


@pytest.fixture
def results(tiny_bundle):
    images = tiny_bundle.dataset.images(["test:3", "test:4"])
    return {
        "Maps": attributions(tiny_bundle, images, "saliency", output="cluster"),
        "Counterfactual": counterfactuals(
            tiny_bundle, images, 0, output="cluster", method="nearest"
        ),
        "Prototypes": tiny_bundle,
    }


@pytest.mark.parametrize(
    ("kind", "pictures", "says"),
    [("Maps", 1, "saliency"), ("Counterfactual", 3, " of 2"), ("Prototypes", 1, "bars")],
)
def test_a_result_draws_itself(results, kind, pictures, says):
    html = results[kind]._repr_html_()
    assert html.count('src="data:image/png;base64,') == pictures
    assert f'alt="{kind}"' in html and says in html


def test_a_bundle_is_short_in_text_and_its_name_is_escaped(tiny_bundle):
    assert repr(tiny_bundle) == "Bundle('bars', 2 clusters, 60 images)"
    assert "<b>bars" not in dataclasses.replace(tiny_bundle, name="<b>bars")._repr_html_()
