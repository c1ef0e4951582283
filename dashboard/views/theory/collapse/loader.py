"""Cached results of the page on the collapse: choices of q(c|x), and recorded trainings."""

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import streamlit as st

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.views.theory.loader import FEWEST_DRAWS, GIVEN, choices, draws

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.training.collapse import Price, Recording


class Prices(NamedTuple):
    """The cluster term's price by seed, its mean over the seeds, and the epoch compared."""

    each: "dict[int, Price]"
    mean: "Price"
    epoch: int


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def bounds_of_choices(bundle: "Bundle", image_id: str) -> dict[str, float]:
    """Evaluate the bound of an image under each q(c|x), in nats; q* comes last."""
    from xai_core.theory.bounds import bound_given_x

    drawn, probs = draws(bundle, image_id, FEWEST_DRAWS), choices(bundle, image_id)
    return {
        name: bound_given_x(drawn, probs[key]).elbo.item()
        for name, key in GIVEN.items()
        if key in probs
    }


@st.cache_resource(max_entries=1, show_spinner=False)
def recording() -> "Recording":
    """Read the recorded trainings; read only."""
    from xai_core.training.collapse import read_collapse

    return read_collapse()


@st.cache_data(max_entries=1, show_spinner=False)
def prices() -> "Prices":
    """Compare the bounds with and without the cluster term, from each seed."""
    from xai_core.training import collapse

    recordings = collapse.read_all_seeds()
    epoch = collapse.last_common_epoch(recordings)
    each = {seen.seed: seen.price("cure", "prior", epoch) for seen in recordings}
    return Prices(each, collapse.mean_price(list(each.values())), epoch)


@st.cache_data(max_entries=1, show_spinner=False)
def collapse_summary() -> pd.DataFrame:
    """Average the recorded trainings over their images, one row per run and epoch."""
    return recording().summary()


@st.cache_data(max_entries=1, show_spinner=False)
def titles() -> dict[str, str]:
    """Name the recorded trainings."""
    from xai_core.training.collapse import RECIPES

    return {run: RECIPES[run].title for run in recording().runs}


@st.cache_data(max_entries=8, show_spinner=False)
def cluster_order(run: str) -> list[int]:
    """Order a recorded training's clusters by the label they ended at."""
    import torch

    from xai_core.evaluation.metrics import fit_cluster_labels

    seen = recording()
    last = seen.epochs[-1]
    probs = torch.from_numpy(seen.probs(run, last))
    labels = torch.from_numpy(seen.at(run, last)["label"].to_numpy(copy=True))
    if bool((labels < 0).any()):
        return list(range(probs.shape[1]))
    fitted = fit_cluster_labels(probs.argmax(-1), labels, probs.shape[1])
    ranks = torch.where(fitted < 0, fitted.max() + 1, fitted)
    return torch.argsort(ranks, stable=True).tolist()
