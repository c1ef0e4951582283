"""Images that the model generates for one cluster."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.services import generation
from dashboard.ui import download, messages, naming
from dashboard.ui.components.image_grid import image_grid
from xai_core.plots import sprites
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

COUNT = 24
HEAT = (0.0, 2.0, 0.1)


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", cluster: int) -> None:
    """Show draws from p(z|c) at a temperature, with q(c|x) of each."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        temperature = st.slider(
            "Temperature", *HEAT[:2], step=HEAT[2], width=260,
            **state.bind("temperature", 1.0, span=HEAT, link="temperature"),
            help="Codes are drawn with standard deviation temperature times sigma_c. "
            "1 is the model's own; 0 gives the prototype each time.",
        )  # fmt: skip
        seed = state.keep("sample seed", 0, span=state.SEEDS, link="draw")
        st.button(
            "Draw again", icon=":material/casino:",
            on_click=state.put_setting, args=("sample seed", seed + 1),
        )  # fmt: skip
        made = generation.samples(bundle, cluster, temperature, seed, COUNT)
        sheet = sprites.sheet(made.images, columns=12, gap=1)
        about = {"cluster": cluster, "temperature": temperature, "seed": seed}
        download.picture(bundle, sheet, name="samples", **about)
    own, colours = made.probs[:, cluster], naming.cluster_colours(bundle)
    name = naming.cluster_names(bundle)[cluster]
    image_grid(
        made.images,
        alt=[f"sample of cluster {name}, q(c|x) {percent(p)}" for p in own],
        key="samples",
        captions=[percent(p) for p in own],
        colours=[colours[c] for c in made.probs.argmax(1)],
    )
    agreed = int((made.probs.argmax(1) == cluster).sum())
    st.caption(
        f"The model puts {agreed} of its {COUNT} samples back into cluster "
        f"{messages.literal(name)}. The bar has the colour of the cluster that it puts the sample "
        f"in; the number is q(c|x) of this cluster.{_judged(bundle, cluster)}"
    )


def _judged(bundle: "Bundle", cluster: int) -> str:
    """Say how many samples the classifier sees as the cluster's label, where it was measured."""
    shares = bundle.manifest.metrics.get("test", {}).get("sample_fidelity_by_cluster")
    label = bundle.cluster_labels[cluster]
    if not shares or shares[cluster] is None or label < 0:
        return ""
    name = messages.literal(bundle.dataset.class_names[label])
    return (
        f" At temperature 1, the classifier sees {percent(shares[cluster])} of the samples as "
        f"{name}; the cluster model was trained without it."
    )
