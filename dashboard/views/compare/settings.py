"""The second bundle of a comparison, and the colours of both bundles' clusters."""

import shlex
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import streamlit as st

from dashboard import state
from dashboard.links import PAGES
from dashboard.services import bundles, cache
from dashboard.ui import messages, naming
from dashboard.views.compare import loader
from xai_core.plots import theme

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


class Pair(NamedTuple):
    """Two bundles; `alike` if an id names the same image in both."""

    first: "Bundle"
    second: "Bundle"
    alike: bool

    @property
    def both(self) -> "tuple[Bundle, Bundle]":
        """Return both, the chosen one first."""
        return self.first, self.second

    @property
    def about(self) -> dict[str, object]:
        """Return the provenance of the second one, for a file."""
        return {"beside": f"{self.second.name} ({cache.fingerprint(self.second)})"}


def ask(bundle: "Bundle") -> Pair:
    """Let the visitor choose the second bundle; explain and stop if there is none."""
    found = bundles.summaries()
    others = [name for name in bundles.whole(found) if name != bundle.name]
    if not others:
        _only_one(bundle)
    name = st.selectbox(
        f"Compare {messages.literal(bundle.name)} with", others, width=260,
        **state.bind("compare with", others[0], others, link="with"),
    )  # fmt: skip
    st.button("Swap them", icon=":material/swap_horiz:", on_click=_swap,
              args=(bundle.name, name))  # fmt: skip
    second = bundles.bundle(found[name].path)
    return Pair(bundle, second, loader.same_images(bundle, second))


def warn(pair: Pair) -> None:
    """Warn if both hold different images, which limits what can be compared."""
    if not pair.alike:
        messages.note(
            f"`{pair.first.name}` was trained on *{_data(pair.first)}* and `{pair.second.name}` "
            f"on *{_data(pair.second)}*: the same id names another picture in each, so "
            "they cannot be compared image by image. Only their numbers and their "
            "settings are compared below."
        )


def colours(pair: Pair) -> tuple[list[str], list[str]]:
    """Return the colours of both bundles' clusters: matched ones share theirs, others are grey."""
    own = naming.cluster_colours(pair.first)
    theirs = [theme.muted(state.dark())] * pair.second.model.config.num_clusters
    for c, partner in enumerate(loader.compared(*pair.both, "train").agreement.partner):
        if partner >= 0:
            theirs[int(partner)] = own[c]
    return own, theirs


def _data(bundle: "Bundle") -> str:
    return messages.literal(bundle.manifest.dataset.name)


def _swap(first: str, second: str) -> None:
    state.select_bundle(second)
    state.put_setting("compare with", first)


def _only_one(bundle: "Bundle") -> NoReturn:
    data = shlex.quote(bundle.manifest.dataset.name)
    messages.empty(
        "Only one model here",
        f"`{bundle.name}` is the only model that was found, and a comparison needs two. Train a "
        "second one on the same images with another seed, or with the pure ELBO or the other "
        "factorisation instead, then reload this page.",
        f"xai train --data {data} --seed 1 --out checkpoints/{data}-seed-1\n"
        f"xai train --data {data} --preset pure_elbo --out checkpoints/{data}-pure-elbo\n"
        f"xai train --data {data} --factorisation c_given_z --out checkpoints/{data}-c-given-z",
        {
            "Train a second model": PAGES["train"],
            "Compare images instead: Latent map": PAGES["latent_map"],
            "Compare clusters instead: Clusters": PAGES["clusters"],
        },
    )
