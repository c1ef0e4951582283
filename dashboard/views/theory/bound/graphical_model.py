"""Figure 1, the graphical model, drawn from the bundle's configuration."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import bundles
from dashboard.ui import download
from xai_core.plots.theory import graphical_model

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SHOWN = ("This model", "Both ways to infer")


@st.fragment
def show(bundle: "Bundle") -> None:
    """Show plates and arrows, of this model's inference or of both."""
    config, data = bundle.model.config, bundle.manifest.dataset
    shown = st.segmented_control(
        "Which inference", SHOWN, required=True, label_visibility="collapsed",
        **state.bind("plates", SHOWN[1], SHOWN, link="plates"),
    )  # fmt: skip
    prior = "standard" if config.num_clusters == 1 else config.prior
    panels = graphical_model.panels_of("both" if shown == SHOWN[1] else config.factorisation)

    def drawn(*some: graphical_model.Panel) -> str:
        return graphical_model.graphical_model_svg(
            panels=some,
            decoder_conditioning=config.decoder_conditioning,
            prior=prior,
            likelihood=config.likelihood,
            num_clusters=config.num_clusters,
            latent_dim=config.latent_dim,
            num_images=data.num_train,
            dark=state.dark(),
        )

    words = graphical_model.describe(
        config.decoder_conditioning, prior, config.likelihood, config.num_clusters,
        config.latent_dim,
    )  # fmt: skip
    for column, panel in zip(st.columns(3), panels, strict=False):
        title = graphical_model.TITLES[panel][0]
        column.image(drawn(panel), alt=f"{title}. {words}", width="stretch")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{words} This model infers c from **{_from(config.factorisation)}**.")
        download.drawing(
            bundle, lambda: _with_source(bundle, drawn(*panels)), name="graphical model"
        )


def _from(factorisation: str) -> str:
    return "x" if factorisation == "c_given_x" else "z"


def _with_source(bundle: "Bundle", svg: str) -> bytes:
    known = bundles.about(bundle, what="graphical model")
    text = "; ".join(f"{key}: {value}" for key, value in known.items()).replace("--", "-")
    return svg.replace("<title>", f"<!-- {text} --><title>", 1).encode()
