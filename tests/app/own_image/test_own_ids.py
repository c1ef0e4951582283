"""A person's own image is the selected one on every page, as any other image is."""

import pytest

from xai_core.data.user_images import own_id

PAGES = (
    *("home", "latent_map", "reconstructions", "clusters", "heatmaps", "counterfactuals"),
    *("theory", "theory_factorisations", "theory_collapse", "theory_mixtures"),
    *("theory_probe", "theory_manifold"),
)


@pytest.fixture(scope="module")
def own(tiny_bundle):
    """Half of one image on half of another: in no data set."""
    first, other = tiny_bundle.dataset.images(["test:3", "test:4"])
    first[:14] = other[:14]
    return own_id(first)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_own_image(open_page, text_of, own, page):
    app = open_page(page, image=own, bundle="bars")
    assert app.query_params["image"] in (own, [own])
    assert not app.error, app.error[0].value
    text = text_of(app)
    assert "your image" in text.lower() and own not in text
