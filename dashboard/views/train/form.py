"""The form that starts a training: data, preset, sizes and a name."""

from dataclasses import replace

import streamlit as st

from dashboard import state
from dashboard.services.jobs import runs
from dashboard.ui import messages
from dashboard.views.train import loader
from dashboard.views.train.loader import Sizes
from xai_core.training.presets import PRESET_TABLE
from xai_core.training.settings import SETTINGS

OWN = "A folder or a file of this machine"
BOUNDS = {
    "clusters": (1, 50),
    "latent_dim": (1, 64),
}
MOST_EPOCHS = 200
"""Upper limit of the numbers in the form, unless the preset has more on a small set."""
FEWEST_IMAGES = 1000


def form() -> None:
    """Show the form and start the training."""
    if not runs.allowed():
        messages.note(
            "Trainings are switched off on this server. Train with `xai train` on your own "
            f"machine, or set `{runs.SWITCH}=on` if every visitor may start and remove trainings."
        )
        return
    offered = loader.data_sets()
    data, columns, preset = _what(offered)
    if not data:
        return
    with messages.errors_as_text():
        usual = loader.sizes(data, preset, columns)
        sizes, seed = _sizes(data, preset, usual, loader.sizes(data, "default", columns))
        changed = {**sizes, **_others(preset)}
        request = runs.Request(
            name="", data=data, preset=preset, settings=changed, columns=columns, seed=seed
        )
        _start(request, loader.expected_minutes(request), offered)


def _start(request: runs.Request, minutes: float, offered: tuple[str, ...]) -> None:
    """Ask for a name and start the training."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name",
            max_chars=40,
            width=280,
            help="Of the model that will be written: letters, digits and hyphens.",
            **state.bind("train name", "run-1"),
        )
        pressed = st.button("Start training", type="primary", icon=":material/play_arrow:")
    st.caption(
        f"About {loader.duration(60 * minutes)} on 2 CPU cores with the networks of the preset "
        "`default`; less with the small ones of `smoke` and `pure_elbo`, much less on a GPU. It "
        "runs at low priority and continues when you close this page."
    )
    if pressed:
        runs.start(replace(request, name=name), offered=offered)
        state.put_setting("train name", _next(name))
        state.put_setting("train first", name)
        st.rerun()


def _what(offered: tuple[str, ...]) -> tuple[str, dict[str, str], str]:
    """Ask for the data, the user's own columns and the preset; the data are "" while unknown."""
    left, right = st.columns(2)
    choices = (*offered, OWN)
    columns: dict[str, str] = {}
    data = left.selectbox(
        "Data",
        choices,
        help="MNIST comes with the project; other sets appear here once `xai train --data NAME` "
        "has downloaded them. Your own images are read from a path of the machine that the "
        "dashboard runs on.",
        **state.bind("train data", offered[0], choices),
    )
    if data == OWN:
        typed = left.text_input(
            "Path",
            placeholder="/home/me/images.npz",
            help="A folder of images or a .zip of one, with a sub-folder for each label or none; "
            "an .npz with `images` and, optionally, `labels`; or a .csv with a column per pixel.",
            **state.bind("train path", ""),
        )
        data = loader.absolute(typed) if typed.strip() else ""
        with left:
            columns = _columns()
    preset = right.selectbox("Preset", list(PRESET_TABLE), **state.bind("train preset", "default"))
    right.caption(PRESET_TABLE[preset].summary)
    return data, columns, preset


def _columns() -> dict[str, str]:
    """Ask for a table of the user's own columns; return what is stated."""
    with st.popover("Your own columns", icon=":material/view_column:"):
        st.caption(
            "A .csv with a row per image: to colour and filter the map by, or to take the labels "
            "and the split from. One column names the files of a folder; for an .npz, the rows "
            "are the images in order."
        )
        typed = {
            "metadata": st.text_input(
                "Table", placeholder="/home/me/table.csv", **state.bind("train table", "")
            ),
            "label_column": st.text_input("Column of labels", **state.bind("train labels", "")),
            "split_column": st.text_input(
                "Column of the words train and test", **state.bind("train split", "")
            ),
        }
    stated = {name: text.strip() for name, text in typed.items() if text.strip()}
    if "metadata" in stated:
        stated["metadata"] = loader.absolute(stated["metadata"])
    return stated


def _sizes(data: str, preset: str, usual: Sizes, most: Sizes) -> tuple[dict[str, int], int]:
    """Ask for the sizes, remembered for each preset and data set; return those that changed."""
    of = f"{data} {preset}"
    images = most.train_images
    spans = {**BOUNDS, "train_images": (min(FEWEST_IMAGES, images), images)}
    spans["epochs"] = (1, max(MOST_EPOCHS, usual.epochs))
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
    chosen = Sizes(*values)._asdict()
    return {name: value for name, value in chosen.items() if value != getattr(usual, name)}, seed


def _others(preset: str) -> dict[str, int | float | str]:
    """Offer every other setting; return those that are stated."""
    stated: dict[str, int | float | str | None] = {}
    with st.expander("All other settings", icon=":material/tune:"):
        st.caption("What is left empty keeps the preset's value.")
        columns = st.columns(3)
        others = [name for name in SETTINGS if name not in Sizes._fields]
        for number, name in enumerate(others):
            setting, column = SETTINGS[name], columns[number % 3]
            label, key = name.replace("_", " ").capitalize(), f"train {name} {preset}"
            if setting.choices:
                stated[name] = column.selectbox(
                    label, setting.choices, index=None, help=setting.help, key=key
                )
            elif setting.kind is int:
                stated[name] = column.number_input(
                    label, min_value=0, value=None, step=1, help=setting.help, key=key
                )
            else:
                stated[name] = column.number_input(
                    label, min_value=0.0, value=None, format="%g", help=setting.help, key=key
                )
    return {name: value for name, value in stated.items() if value is not None}


def _next(name: str) -> str:
    """Return the suggested name of the next training: run-2 after run-1."""
    stem = name.rstrip("0123456789")
    number = name[len(stem) :]
    return f"{stem}{int(number) + 1}"[:40] if number else f"{name[:37]}-2"
