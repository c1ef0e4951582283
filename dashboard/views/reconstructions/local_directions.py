"""The directions in latent space that change one image most."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, messages, naming
from dashboard.ui.components.labelled_sheet import labelled_sheet
from dashboard.views.reconstructions import films, loader
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

REACH = (0.5, 5.0, 0.5)
COUNT = 4
HOW_TO_READ = (
    "$\\partial g/\\partial z=USV^\\top$ is the decoder's Jacobian at the image's code; row $k$ "
    "shows $g(z+t\\,v_k)$ for the column $v_k$ of $V$. The singular value $s_k$ is the ink "
    "(Euclidean length of the change) per latent unit of a short step; the percentage is "
    "$s_k^2/\\sum_j s_j^2$. Unlike a latent dimension, a direction belongs to one image; its sign "
    "is such that ink grows to the right. $p(z|c)$ is spherical, so its deviation $\\sigma_c$ is "
    "the unit of $t$ in every direction."
)
UNIT = "standard deviations of the image's cluster under the prior"


@st.fragment
def show(bundle: "Bundle", image_id: str) -> None:
    """Show one film per direction with its singular value, and how typical its codes are."""
    with messages.errors_as_text():
        found = loader.directions(bundle, image_id)
        st.markdown(_finding(found, naming.marked(image_id)))
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            reach = st.slider(
                "Reach, in standard deviations of the cluster", *REACH[:2], step=REACH[2],
                width=300, **state.bind("local reach", 2.0, span=REACH, link="localreach"),
            )  # fmt: skip
            made = loader.films(bundle, image_id, reach, films.STEPS, COUNT)
            names = [f"s = {value:.2f}" for value in found.values[:COUNT]]
            download.table(bundle, _table(found), name="local directions", image=image_id)
            films.downloads(bundle, made.images, names, name="local directions", reach=reach,
                            title=f"Local directions, in {UNIT}", image=image_id)  # fmt: skip
        shares = [f"ink per unit, {percent(share)}" for share in found.shares]
        labelled_sheet(
            made.images,
            rows=list(zip(names, shares, strict=False)),
            columns=films.columns(reach),
            marked=films.STEPS // 2,
            axis=f"{UNIT}, along the direction; framed: the image itself",
            alt=f"{len(names)} rows of {films.STEPS} images: {naming.display_name(image_id)}, its "
            "code moved along one local direction per row",
        )
        st.caption(
            f"The deviation is {found.deviation:.2f} latent units. {made.typical.sum()} of these "
            f"{made.typical.size} codes are in the prior's typical range: $p(z)$ there is higher "
            "than at the rarest 1 % of its draws."
        )


def _finding(found: loader.Directions, name: str) -> str:
    """Say how much of the change the strongest direction holds, and how many hold nine tenths."""
    if not found.values[0]:
        return f"**No direction changes {name}**: the decoder ignores the code here."
    needed = int(np.searchsorted(np.cumsum(found.shares), 0.9)) + 1
    return (
        f"**The strongest of {len(found.values)} directions holds {percent(found.shares[0])} of "
        f"what short steps change** in {name}; {needed} are needed to hold 90 %."
    )


def _table(found: loader.Directions) -> pd.DataFrame:
    axes = {f"v_{j}": found.vectors[:, j] for j in range(found.vectors.shape[1])}
    return pd.DataFrame({"singular value": found.values, "share": found.shares, **axes})
