"""The table of scores that says which heatmaps to trust on a bundle."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor, nn

from ..._moved import renamed
from ..._types import Images, Maps
from ...attribution.api import Attribution, attribute
from ...attribution.config import AttributionConfig
from ...attribution.of_bundle import (
    DEFAULT_BASELINES,
    baselines_of,
    mask_of,
    mean_image,
    methods_for,
)
from ...attribution.registry import METHODS, MethodCard, method_card
from ...bundle.explained_output import ExplainedOutput, explained_output
from ...bundle.image_input import as_float_images
from ...bundle.reading import Bundle
from ..infill import Infill, infill_from_rest, paste
from .intervals import Interval, mean_interval
from .measures import SHARES, completeness_gap
from .scores import FaithfulnessConfig, Measured, Task, measure
from .summary import FaithfulnessSummary
from .trust_criteria import CHECKS, TrustRule, failures

__all__ = ["FaithfulnessTable", "MethodScores", "infill_of", "scores"]

MODEL_FREE = tuple(name for name, card in METHODS.items() if card.kind == "baseline")


@dataclass(frozen=True, kw_only=True)
class MethodScores:
    """One method's row: means over images with 95 % bootstrap intervals, NaN where not defined.

    Attributes:
        method: Key of `METHODS`.
        insertion: Area under the output as pixels are inserted; high is good.
        deletion: The same as pixels are removed; low is good.
        merit: Insertion minus deletion; removed pixels are predicted by the model from the rest.
        neutral_merit: The same where the mean train image fills them.
        infidelity: Share of the output's changes it does not predict; low is good.
        sensitivity: Largest relative change under noise of 0.02; low is good, constant maps have
            0.
        gap: Completeness error as a share of the output's change, for complete methods.
        sparsity: Gini index; high means few pixels.
        randomisation: Rank correlation with the map of a model whose layers are all random.
        class_sensitivity: Rank correlation with the map for the second best class.
        seconds: Time spent on its scores.
        passed: Keys of `CHECKS` that it passed.
        failed: Keys of those that it failed; checks that do not apply are in neither.
        reasons: Why not to trust it on this model; empty if it passed every check.
    """

    method: str
    insertion: Interval
    deletion: Interval
    merit: Interval
    neutral_merit: Interval
    infidelity: Interval
    sensitivity: Interval
    gap: Interval
    sparsity: Interval
    randomisation: Interval
    class_sensitivity: Interval
    seconds: float
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Return whether it passed every check that applies."""
        return not self.reasons


@dataclass(frozen=True, kw_only=True, eq=False)
class FaithfulnessTable:
    """Scores of methods on the same images.

    Attributes:
        output: Name of what is explained.
        rows: One row per method, then those of "random" and "edges".
        measured: Curves and values per image behind the rows, by method.
        shares: Shares of the pixels, where curves are measured.
        num_images: Images measured on.
    """

    output: str
    rows: tuple[MethodScores, ...]
    measured: dict[str, Measured]
    shares: tuple[float, ...]
    num_images: int

    @property
    def uninformative(self) -> tuple[str, ...]:
        """Name the checks that every method passed, including those that ignore the model.

        Passing such a check says nothing about a method.
        """
        original = [name for name in CHECKS if any(name in row.passed for row in self.rows)]
        return tuple(name for name in original if not any(name in row.failed for row in self.rows))

    def frame(self) -> pd.DataFrame:
        """Return the rows as a table, with columns such as insertion, insertion_low and _high.

        `passed` and `failed` hold keys of `CHECKS`, separated by spaces.
        """
        columns = []
        for row in self.rows:
            flat: dict[str, object] = {"method": row.method, "trusted": row.trusted}
            for name, value in asdict(row).items():
                if isinstance(value, dict):
                    flat |= {name: value["mean"], f"{name}_low": value["low"]}
                    flat[f"{name}_high"] = value["high"]
            flat |= {"passed": " ".join(row.passed), "failed": " ".join(row.failed)}
            columns.append({**flat, "seconds": row.seconds, "reasons": "; ".join(row.reasons)})
        return pd.DataFrame(columns)

    def summary(self) -> FaithfulnessSummary:
        """Return the scores without those of single images."""
        return FaithfulnessSummary(
            table=self.frame(),
            insertion={
                name: one.insertion_curve.mean(0).cpu().numpy()
                for name, one in self.measured.items()
            },
            deletion={
                name: one.deletion_curve.mean(0).cpu().numpy()
                for name, one in self.measured.items()
            },
            shares=self.shares,
            images=self.num_images,
        )


@renamed(of="output")
def scores(
    bundle: Bundle,
    images: Tensor | np.ndarray,
    methods: Sequence[str] | str = "all",
    *,
    output: str | ExplainedOutput = "classifier",
    config: FaithfulnessConfig | None = None,
    attribution: AttributionConfig | None = None,
    rule: TrustRule | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> FaithfulnessTable:
    """Measure the faithfulness of the maps of methods.

    Methods explain the predicted class, with the baselines of `DEFAULT_BASELINES`; removed pixels
    are filled from the model's reconstruction of the rest. "random" and "edges" are always
    measured as a reference for the other rows.

    Args:
        bundle: The models, on the device to compute on.
        images: uint8 (N, C, H, W), or floats in [0, 1]; some 50 are enough.
        methods: Keys of `METHODS`, or "all" that apply.
        output: The output to explain, as `explained_output` accepts it.
        config: Settings of the measurement.
        attribution: Settings of the methods.
        rule: Limits beyond which a method is not trusted.
        on_progress: Called with the next method, its number and the number of all.

    Raises:
        ValueError: If a method does not exist or does not apply.
        BundleError: If the bundle lacks a part that the output needs, or its critic.
    """
    output = explained_output(bundle, output)
    names = methods_for(bundle, output) if methods == "all" else [methods]
    names = names if isinstance(methods, str) else list(methods)
    wanted = [*dict.fromkeys([*names, *MODEL_FREE])]
    config = config or FaithfulnessConfig()
    task = _task(bundle, as_float_images(bundle, images), output)
    measured, seconds = {}, {}
    for number, name in enumerate(wanted):
        if on_progress is not None:
            on_progress(name, number, len(wanted))
        began = time.perf_counter()
        measured[name] = _measure(bundle, task, method_card(name), output, config, attribution)
        seconds[name] = time.perf_counter() - began
    rows = tuple(_row(name, measured, seconds[name], rule, config.seed) for name in wanted)
    return FaithfulnessTable(
        output=output.name,
        rows=rows,
        measured=measured,
        shares=SHARES,
        num_images=len(task.images),
    )


def infill_of(bundle: Bundle) -> Infill:
    """Return the in-fill for removed pixels: the model's prediction from the rest."""

    @torch.no_grad()
    def reconstruct(x: Images) -> Images:
        return bundle.model.reconstruct(x)

    return infill_from_rest(reconstruct, neutral=mean_image(bundle))


@torch.no_grad()
def _task(bundle: Bundle, x: Images, output: ExplainedOutput) -> Task:
    module = output.layers(bundle) or output.function(bundle)
    target, other = torch.zeros(len(x), dtype=torch.long, device=x.device), None
    if output.classes is not None:
        if output.classes.count(bundle) < 2:
            raise ValueError(
                f"Heatmaps of `{output.name}` cannot be scored: it has a single class, and scores "
                "compare at least two classes. Score another output."
            )
        best = module(x).topk(2, -1).indices
        target, other = best[:, 0], best[:, 1]
    return Task(
        images=x,
        target=target,
        other=other,
        module=module,
        shown=output.shown,
        infill=infill_of(bundle),
        neutral=_neutral_infill(bundle),
    )


def _neutral_infill(bundle: Bundle) -> Infill:
    neutral = mean_image(bundle)
    return lambda x, mask: paste(x, mask, neutral.expand_as(x))


def _measure(
    bundle: Bundle,
    task: Task,
    card: MethodCard,
    output: ExplainedOutput,
    config: FaithfulnessConfig,
    attribution: AttributionConfig | None,
) -> Measured:
    masks = mask_of(bundle, output) if card.needs == "mask" else None
    named = DEFAULT_BASELINES.get(card.baseline)
    baselines = None if named is None else baselines_of(bundle, task.images, named)

    def found(x: Images, target: Int[Tensor, " batch"], module: nn.Module) -> Attribution:
        return attribute(
            x,
            forward=module,
            target=target,
            method=card.name,
            baselines=baselines,
            config=attribution,
            seed=config.seed,
            mask_of=masks,
        )

    def explain(x: Images, target: Int[Tensor, " batch"], module: nn.Module) -> Maps:
        return found(x, target, module).attributions

    gap = None
    if card.complete:
        original = found(task.images, task.target, task.module)
        if original.convergence_delta is not None and original.output_change is not None:
            gap = completeness_gap(original.convergence_delta, original.output_change)
    return measure(
        task,
        explain,
        contribution=card.contribution,
        by_size=card.by_size,
        reads_model=card.kind != "mask",
        gap=gap,
        config=config,
    )


def _row(
    name: str, measured: dict[str, Measured], seconds: float, rule: TrustRule | None, seed: int
) -> MethodScores:
    own = measured[name]
    others = {other: measured[other] for other in MODEL_FREE if other != name}

    def interval(values: Tensor | None) -> Interval:
        return Interval.missing() if values is None else mean_interval(values, seed=seed)

    random = own.randomisation
    checks = failures(own, others, rule=rule, seed=seed)
    return MethodScores(
        method=name,
        insertion=interval(own.insertion),
        deletion=interval(own.deletion),
        merit=interval(own.merit),
        neutral_merit=interval(own.neutral_merit),
        infidelity=interval(own.infidelity),
        sensitivity=interval(own.sensitivity),
        gap=interval(own.gap),
        sparsity=interval(own.sparsity),
        randomisation=interval(None if random is None else random[:, -1]),
        class_sensitivity=interval(own.class_sensitivity),
        seconds=seconds,
        passed=tuple(check for check, reasons in checks.items() if not reasons),
        failed=tuple(check for check, reasons in checks.items() if reasons),
        reasons=tuple(reason for reasons in checks.values() for reason in reasons),
    )
