"""From the selected image to others: outwards in latent space, and to the hard ones."""

import numpy as np
import pandas as pd
import pytest

from dashboard.links import PAGES
from dashboard.services import image_data
from xai_core.data.user_images import own_id
from xai_core.evaluation import exemplars


def linked(app):
    value = app.query_params["image"]
    return value[0] if isinstance(value, list) else value


def walked(app, step, times):
    found = []
    for _ in range(times):
        app.button(f"step {step}").click().run()
        assert not app.exception, app.exception[0].message
        found.append(linked(app))
    return found


def test_most_like_it_walks_outwards_and_never_back(open_page, tiny_bundle):
    app = open_page(image="test:3")
    expected, _ = image_data.neighbours(tiny_bundle, "test:3", 4)
    assert walked(app, "Most similar", 4) == expected
    app.button("step Next").click().run()
    here = linked(app)
    assert walked(app, "Most similar", 1) == image_data.neighbours(tiny_bundle, here, 1)[0]


def test_from_an_own_image_one_can_walk_too(open_page, tiny_bundle):
    own = own_id(np.eye(28, dtype=np.uint8) * 255)
    app = open_page(image=own)
    assert walked(app, "Most similar", 2) == image_data.neighbours(tiny_bundle, own, 2)[0]
    assert walked(open_page(image=own), "Next", 1) == ["train:0"]
    assert walked(open_page(image=own), "Previous", 1) == ["test:19"]


def test_least_sure_goes_up_from_the_lowest(open_page, tiny_bundle):
    app = open_page()
    order = tiny_bundle.index.sort_values("confidence", kind="stable")["id"].tolist()
    assert walked(app, "Least sure", 2) == order[:2]
    app.button("step Random").click().run()
    assert walked(app, "Least sure", 1) == [order[2]]


def test_confused_takes_the_pair_that_is_confused_most():
    index = pd.DataFrame(
        {
            "label": [0, 1, 1, 1, 2, -1, 2, 0],
            "cluster": [0, 0, 0, 1, 0, 0, 2, 2],
            "confidence": [0.9, 0.6, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9],
        }
    )
    found = exemplars.most_confused(index, [0, 1, -1])
    assert (found.label, found.cluster, found.rows.tolist()) == (1, 0, [2, 1])
    assert not len(exemplars.most_confused(index.assign(label=-1), [0, 1, -1]).rows)
    assert exemplars.least_sure(index)[0] == 1


@pytest.mark.parametrize("page", ["home", "own_image"])
def test_an_own_image_cut_short_falls_back_with_a_note(open_page, page):
    own = own_id(np.eye(28, dtype=np.uint8) * 255)
    app = open_page("home")
    app.query_params["image"] = own[:-9]
    app.switch_page(PAGES[page]).run()
    assert linked(app) == "test:0"
    assert "The image in the link is incomplete" in app.info[0].value
