"""One image decoded under each cluster."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import generation, image_data
from dashboard.ui import download, naming
from dashboard.ui.components.image_grid import image_grid
from xai_core.plots import sprites
from xai_core.plots.image_sheet import Row
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

READS_C = "This decoder reads c: the image's code z is decoded with each cluster in turn, g(z, c)."
READS_Z = (
    "This model's decoder reads z alone, so there is no g(z, c) to show. Instead, the code is "
    "moved from its own cluster s to each cluster c, where it keeps its position relative to the "
    "centre, $z' = z - \\mu_s + \\mu_c$, and decoded."
)


@st.fragment
def show(bundle: "Bundle", image_id: str) -> None:
    """Show the image's code decoded under each cluster, and the model's answer."""
    reads_c = bundle.model.config.decoder_conditioning == "z+c"
    st.markdown(READS_C if reads_c else READS_Z)
    rescale = not reads_c and st.toggle(
        "Scale the distance to the centre by $\\sigma_c / \\sigma_s$",
        **state.bind("rescale", False, link="rescaled"),
    )
    seen, made = (
        image_data.inferred(bundle, image_id),
        generation.under_clusters(bundle, image_id, rescale),
    )
    names, own = naming.cluster_names(bundle), int(seen.probs.argmax())
    order, colours = naming.cluster_order(bundle), naming.cluster_colours(bundle)
    kept = [percent(p) for p in made.probs.diagonal()]
    image_grid(
        made.images[order],
        alt=[f"as cluster {names[c]}, q(c|x) {kept[c]}" for c in order],
        key="under clusters",
        captions=[f"{names[c]}{' (own)' if c == own else ''}\n{kept[c]}" for c in order],
        colours=[colours[c] for c in order],
        selected=None,
        scale=3,
    )
    agreed = int((made.probs.argmax(1) == np.arange(len(names))).sum())
    st.caption(
        f"The percentage is q(c|x) of the decoded image for the cluster it was made for. The "
        f"model puts {agreed} of {len(names)} into that cluster."
    )
    sheet = sprites.sheet(made.images[order], columns=len(names), gap=1)
    about = {"image": image_id, "rescaled": rescale}
    with st.container(horizontal=True):
        download.picture(bundle, sheet, name="under each cluster", **about)
        row = Row(name="decoded", values=made.images[order], kind="ink")
        download.for_print(bundle, [row], [names[c] for c in order], name="under each cluster",
                           title="The image's code, decoded as a member of each cluster",
                           unit="", **about)  # fmt: skip
