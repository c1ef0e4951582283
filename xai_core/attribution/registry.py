"""The registry of attribution methods: how each runs, what it needs, what its values mean."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from . import deep_lift, gradients, layer_rules, lrp, perturbation, reference_maps
from .config import CONTROLS, Control
from .task import AttributionTask, ChannelMaps

__all__ = [
    "METHODS",
    "MethodCard",
    "Needs",
    "method_card",
]

Needs = Literal["nothing", "function", "gradient", "layers", "mask"]


@dataclass(frozen=True, kw_only=True)
class MethodCard:
    """A method and the facts needed to read its map.

    Attributes:
        name: Key in `METHODS`.
        run: Returns one map per image, with one channel per image channel or one for all.
        title: Title shown to users.
        kind: How it works; a "baseline" ignores the model.
        needs: "function": any function; "gradient": a differentiable one; "layers": one composed
            of operations that the method has rules for; "mask": a trained critic; "nothing": the
            image alone.
        signed: Whether negative values are evidence against the target; otherwise values are
            magnitudes.
        contribution: Whether values are shares of the output or of its change from the baseline;
            otherwise they are slopes, or weights in [0, 1], in other units.
        complete: Whether the values sum to f(x) - f(baseline), as the method promises.
        baseline: Whether it takes no baseline, one per image, or a set of baselines.
        controls: Its settings.
        seeded: Whether it draws random numbers.
        paper: Authors and title.
        year: Year of the paper.
        url: URL of the paper.
        note: One sentence on how to read the map.
    """

    name: str
    run: Callable[[AttributionTask], ChannelMaps]
    title: str
    kind: Literal["gradient", "perturbation", "mask", "baseline"]
    needs: Needs
    signed: bool
    contribution: bool
    complete: bool = False
    baseline: Literal["none", "one", "set"] = "none"
    controls: tuple[Control, ...] = ()
    seeded: bool = False
    paper: str
    year: int
    url: str
    note: str

    @property
    def by_size(self) -> bool:
        """Return whether pixels are ranked by absolute value, as slopes are."""
        return self.signed and not self.contribution


def method_card(name: str) -> MethodCard:
    """Look up a method.

    Raises:
        ValueError: If there is no such method; the message lists the existing ones.
    """
    if name not in METHODS:
        raise ValueError(f"`method` must be one of {', '.join(METHODS)}, got {name!r}.")
    return METHODS[name]


def _controls(*names: str) -> tuple[Control, ...]:
    return tuple(CONTROLS[name] for name in names)


def _critic(task: AttributionTask) -> ChannelMaps:
    if task.mask_of is None:
        raise ValueError("`critic` needs `mask_of`, the function that gives its masks.")
    with torch.no_grad():
        return task.mask_of(task.inputs, task.target).unsqueeze(1)


_CARDS = (
    MethodCard(
        name="saliency",
        run=gradients.saliency,
        title="Saliency",
        kind="gradient",
        needs="gradient",
        signed=False,
        contribution=False,
        paper="Simonyan et al., Deep Inside Convolutional Networks",
        year=2014,
        url="https://arxiv.org/abs/1312.6034",
        note="Absolute gradient: where a small change of ink would move the output most.",
    ),
    MethodCard(
        name="input_x_gradient",
        run=gradients.input_x_gradient,
        title="Input x gradient",
        kind="gradient",
        needs="gradient",
        signed=True,
        contribution=True,
        paper="Shrikumar et al., Not Just a Black Box",
        year=2016,
        url="https://arxiv.org/abs/1605.01713",
        note="Ink times gradient: the background, which is 0, always gets 0.",
    ),
    MethodCard(
        name="integrated_gradients",
        run=gradients.integrated_gradients,
        title="Integrated gradients",
        kind="gradient",
        needs="gradient",
        signed=True,
        contribution=True,
        complete=True,
        baseline="one",
        controls=_controls("n_steps"),
        paper="Sundararajan et al., Axiomatic Attribution for Deep Networks",
        year=2017,
        url="https://arxiv.org/abs/1703.01365",
        note="Shares of the output's change on the straight path from the baseline.",
    ),
    MethodCard(
        name="smoothgrad",
        run=gradients.smoothgrad,
        title="SmoothGrad",
        kind="gradient",
        needs="gradient",
        signed=True,
        contribution=False,
        controls=_controls("n_samples", "stdevs"),
        seeded=True,
        paper="Smilkov et al., SmoothGrad: Removing Noise by Adding Noise",
        year=2017,
        url="https://arxiv.org/abs/1706.03825",
        note="Gradient averaged over noisy copies: positive where more ink would help.",
    ),
    MethodCard(
        name="gradient_shap",
        run=gradients.gradient_shap,
        title="Gradient SHAP",
        kind="gradient",
        needs="gradient",
        signed=True,
        contribution=True,
        complete=True,
        baseline="set",
        controls=_controls("n_points"),
        seeded=True,
        paper="Lundberg & Lee, A Unified Approach to Interpreting Model Predictions",
        year=2017,
        url="https://arxiv.org/abs/1705.07874",
        note="Integrated gradients averaged over baselines, estimated at random points.",
    ),
    MethodCard(
        name="deep_lift",
        run=deep_lift.deep_lift,
        title="DeepLift",
        kind="gradient",
        needs="layers",
        signed=True,
        contribution=True,
        complete=True,
        baseline="one",
        paper="Shrikumar et al., Learning Important Features Through Propagating Activation "
        "Differences",
        year=2017,
        url="https://arxiv.org/abs/1704.02685",
        note="Shares of the output's change, propagated back layer by layer.",
    ),
    MethodCard(
        name="deep_lift_shap",
        run=deep_lift.deep_lift_shap,
        title="DeepLift SHAP",
        kind="gradient",
        needs="layers",
        signed=True,
        contribution=True,
        complete=True,
        baseline="set",
        paper="Lundberg & Lee, A Unified Approach to Interpreting Model Predictions",
        year=2017,
        url="https://arxiv.org/abs/1705.07874",
        note="DeepLift averaged over baselines.",
    ),
    MethodCard(
        name="guided_backprop",
        run=layer_rules.guided_backprop,
        title="Guided backpropagation",
        kind="gradient",
        needs="layers",
        signed=True,
        contribution=False,
        paper="Springenberg et al., Striving for Simplicity",
        year=2015,
        url="https://arxiv.org/abs/1412.6806",
        note="Gradient without its negative paths; known to resemble the image itself.",
    ),
    MethodCard(
        name="deconvolution",
        run=layer_rules.deconvolution,
        title="Deconvolution",
        kind="gradient",
        needs="layers",
        signed=True,
        contribution=False,
        paper="Zeiler & Fergus, Visualizing and Understanding Convolutional Networks",
        year=2014,
        url="https://arxiv.org/abs/1311.2901",
        note="As guided backpropagation, also through inactive units: also resembles the image.",
    ),
    MethodCard(
        name="guided_gradcam",
        run=layer_rules.guided_gradcam,
        title="Guided Grad-CAM",
        kind="gradient",
        needs="layers",
        signed=True,
        contribution=False,
        paper="Selvaraju et al., Grad-CAM",
        year=2017,
        url="https://arxiv.org/abs/1610.02391",
        note="Guided backpropagation, restricted to where the last convolution finds evidence.",
    ),
    MethodCard(
        name="lrp",
        run=lrp.lrp,
        title="Layer-wise relevance",
        kind="gradient",
        needs="layers",
        signed=True,
        contribution=True,
        controls=_controls("gamma", "epsilon"),
        paper="Bach et al., On Pixel-Wise Explanations by Layer-Wise Relevance Propagation",
        year=2015,
        url="https://doi.org/10.1371/journal.pone.0130140",
        note="The logit propagated back to the ink; the biases absorb part of it.",
    ),
    MethodCard(
        name="occlusion",
        run=perturbation.occlusion,
        title="Occlusion",
        kind="perturbation",
        needs="function",
        signed=True,
        contribution=True,
        baseline="one",
        controls=_controls("patch", "stride"),
        paper="Zeiler & Fergus, Visualizing and Understanding Convolutional Networks",
        year=2014,
        url="https://arxiv.org/abs/1311.2901",
        note="Drop of the output when a window is replaced with the baseline.",
    ),
    MethodCard(
        name="feature_ablation",
        run=perturbation.feature_ablation,
        title="Patch ablation",
        kind="perturbation",
        needs="function",
        signed=True,
        contribution=True,
        baseline="one",
        controls=_controls("patch"),
        paper="Kokhlikyan et al., Captum",
        year=2020,
        url="https://arxiv.org/abs/2009.07896",
        note="Drop of the output when one patch is replaced with the baseline.",
    ),
    MethodCard(
        name="shapley_sampling",
        run=perturbation.shapley_sampling,
        title="Shapley sampling",
        kind="perturbation",
        needs="function",
        signed=True,
        contribution=True,
        complete=True,
        baseline="one",
        controls=_controls("patch", "n_permutations"),
        seeded=True,
        paper="Castro et al., Polynomial Calculation of the Shapley Value Based on Sampling",
        year=2009,
        url="https://doi.org/10.1016/j.cor.2008.04.004",
        note="A patch's mean gain over random orders of adding patches to the baseline.",
    ),
    MethodCard(
        name="critic",
        run=_critic,
        title="Learned mask (critic)",
        kind="mask",
        needs="mask",
        signed=False,
        contribution=False,
        paper="Dabkowski & Gal, Real Time Image Saliency for Black Box Classifiers",
        year=2017,
        url="https://arxiv.org/abs/1705.07857",
        note="The pixels that suffice for the decision, marked by a trained network.",
    ),
    MethodCard(
        name="random",
        run=reference_maps.random_map,
        title="Random",
        kind="baseline",
        needs="nothing",
        signed=True,
        contribution=False,
        seeded=True,
        paper="Adebayo et al., Sanity Checks for Saliency Maps",
        year=2018,
        url="https://arxiv.org/abs/1810.03292",
        note="Noise: every method has to beat it.",
    ),
    MethodCard(
        name="edges",
        run=reference_maps.edges,
        title="Edges",
        kind="baseline",
        needs="nothing",
        signed=False,
        contribution=False,
        paper="Adebayo et al., Sanity Checks for Saliency Maps",
        year=2018,
        url="https://arxiv.org/abs/1810.03292",
        note="The edges of the strokes: looks like an explanation but ignores the model.",
    ),
)
METHODS = {card.name: card for card in _CARDS}
"""The cards of all methods by name, in display order."""
