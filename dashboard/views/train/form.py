"""What to train: data, preset, sizes and a name, and the button that starts it."""

import streamlit as st

from dashboard import state
from dashboard.services.jobs import runs
from dashboard.ui import messages
from dashboard.views.train import loader
from dashboard.views.train.loader import Sizes

PRESETS = {
    "default": "As the bundle that comes with the project: clusters that stay.",
    "smoke": "Small networks, 2 epochs on 10,000 images: a minute, to see whether all works.",
    "pure_elbo": "The bound alone, with small networks: watch the clusters collapse.",
    "density": "40 latent dimensions, 40 epochs: a better bound; an hour on 2 CPU cores.",
}
BOUNDS = {
    "clusters": (1, 50),
    "latent_dim": (1, 64),
    "epochs": (1, 200),
}
FEWEST_IMAGES = 1000


def form() -> None:
    """Ask what to train and start it."""
    if not runs.allowed():
        messages.note(
            "Whoever runs this server has switched trainings off. Train with `xai train` on your "
            "own machine."
        )
        return
    offered = loader.data_sets()
    data, preset = _what(offered)
    usual = loader.sizes(data, preset)
    chosen, seed = _sizes(data, preset, usual)
    minutes = loader.expected_minutes(data, preset, chosen)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name",
            max_chars=40,
            width=280,
            help="Of the bundle that will be written: letters, digits and hyphens.",
            **state.bind("train name", "run-1"),
        )
        pressed = st.button("Start training", type="primary", icon=":material/play_arrow:")
    st.caption(
        f"About {_duration(minutes)} on 2 CPU cores with the networks of the preset `default`; "
        "less with the small ones of `smoke` and `pure_elbo`, much less on a GPU. It runs at "
        "low priority and goes on when you close this page."
    )
    if pressed:
        with messages.errors_as_text():
            runs.start(_request(name, data, preset, chosen, usual, seed), offered=offered)
            state.put_setting("train name", _next(name))
            state.put_setting("train first", name)
            st.rerun()


def _what(offered: tuple[str, ...]) -> tuple[str, str]:
    left, right = st.columns(2)
    data = left.selectbox(
        "Data",
        offered,
        help="Sets that need no network: MNIST comes with the project; others appear here once "
        "`xai train --data NAME` has downloaded them.",
        **state.bind("train data", offered[0], offered),
    )
    preset = right.selectbox("Preset", list(PRESETS), **state.bind("train preset", "default"))
    right.caption(PRESETS[preset])
    return data, preset


def _sizes(data: str, preset: str, usual: Sizes) -> tuple[Sizes, int]:
    """Ask for the sizes, remembered for each preset and data set."""
    of = f"{data} {preset}"
    most = loader.sizes(data, "default").train_images
    spans = {**BOUNDS, "train_images": (min(FEWEST_IMAGES, most), most)}
    labels = {
        "clusters": "Clusters K",
        "latent_dim": "Latent dimensions d",
        "epochs": "Epochs of the VAE",
        "train_images": "Train images",
    }
    values = []
    columns = st.columns(5)
    for column, (field, label) in zip(columns, labels.items(), strict=False):
        low, high = spans[field]
        bound = state.bind(f"train {field} {of}", getattr(usual, field), span=(low, high, 1))
        values.append(int(column.number_input(label, low, high, **bound)))
    bound = state.bind("train seed", 0, span=(0, 2**31 - 1, 1))
    seed = int(columns[-1].number_input("Seed", 0, 2**31 - 1, **bound))
    return Sizes(*values), seed


def _request(
    name: str, data: str, preset: str, chosen: Sizes, usual: Sizes, seed: int
) -> runs.Request:
    changed = {
        field: value for field, value in chosen._asdict().items() if value != getattr(usual, field)
    }
    return runs.Request(name=name, data=data, preset=preset, seed=seed, **changed)


def _next(name: str) -> str:
    """Propose a name for the training after this one: run-2 after run-1."""
    stem = name.rstrip("0123456789")
    number = name[len(stem) :]
    return f"{stem}{int(number) + 1}"[:40] if number else f"{name[:37]}-2"


def _duration(minutes: float) -> str:
    if minutes < 90:
        return f"{max(1, round(minutes))} min"
    return f"{minutes / 60:.1f} hours"
