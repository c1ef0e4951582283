"""The page The latent plane."""

import numpy as np
import pytest

from dashboard.views.theory.plane import loader, panels
from xai_core.bundle.writing import save_bundle
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE
from xai_core.plots.theory.plane import differences, regions

from ..parts import linked, widget

COLOURS = ("#ff0000", "#0000ff")


def test_it_says_how_far_place_and_image_agree(open_page, tiny_bundle, text_of):
    app = open_page("theory_plane", image="test:3")
    agreement = loader.regions(tiny_bundle).agreement
    assert 0 <= agreement <= 1
    assert f"{100 * agreement:.1f} %" in text_of(app) or agreement in (0, 1)
    mean, _ = loader.posterior(tiny_bundle, "test:3")
    row = tiny_bundle.row("test:3")
    assert mean == pytest.approx([row["mean_0"], row["mean_1"]], abs=1e-4)


def test_the_cross_is_moved_and_linked(open_page, tiny_bundle):
    app = open_page("theory_plane", image="test:3")
    mean, _ = loader.posterior(tiny_bundle, "test:3")
    widget(app.button, "Put the cross on its mean").click().run()
    moved = [float(linked(app, name)) for name in ("z1", "z2")]
    assert moved == pytest.approx(mean, abs=panels.STEP)
    again = open_page("theory_plane", bundle="bars", image="test:3", z1="0.5", z2="-1.25")
    assert (linked(again, "z1"), linked(again, "z2")) == ("0.5", "-1.25")
    found = loader.point(tiny_bundle, (0.5, -1.25))
    assert found.mixture.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shown", panels.SHOWN)
def test_each_colouring_can_be_chosen(open_page, shown):
    app = open_page("theory_plane", image="test:3")
    widget(app.segmented_control, "Colour the plane by").set_value(shown).run()
    widget(app.toggle, "Draw the path").set_value(False).run()
    assert not app.exception and not app.error
    assert "dashed path" not in "\n".join(m.value for m in app.markdown)


def test_a_model_with_more_latents_leads_to_one_with_two(
    open_page, tiny_parts, tiny_bundle_path, text_of
):
    deep = tiny_bundle_path.parent / "deep"
    config = ClusterVAEConfig(num_clusters=2, latent_dim=3, channels=(1, 1, 1), hidden=2)
    index = tiny_parts["index"].assign(mean_2=np.float32(0), log_var_2=np.float32(0))
    save_bundle(deep, **{**tiny_parts, "model": ClusterVAE(config).eval(), "index": index})
    app = open_page("theory_plane", bundle="deep", image="test:3")
    assert "`deep` has 3 latents" in text_of(app)
    widget(app.button, "Look at `bars`").click().run()
    assert "q(z\\|x) with mean" in "\n".join(m.value for m in app.markdown)


def test_cells_are_coloured_by_cluster_and_certainty():
    sure = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.4, 0.6]])
    found = regions(sure, COLOURS, columns=2)
    assert found.shape == (2, 2, 4)
    assert found[0, 0].tolist() == [255, 0, 0, 128] and found[0, 1].tolist() == [0, 0, 255, 128]
    assert found[1, 0, 3] < found[1, 1, 3] < 128
    other = np.array([[1.0, 0.0], [0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])
    changed = differences(sure, other, COLOURS, columns=2)
    assert changed[0, 1].tolist() == [0, 0, 255, 128]
    assert changed[..., 3].ravel().tolist() == [0, 128, 0, 0]
