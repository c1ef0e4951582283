"""How well single dimensions of a code match single factors of variation, where these are known.

Three scores, each 1 where every factor has a dimension of its own, and near 0 where no dimension
says anything about any factor:

- MIG: the gap between the two dimensions with the largest mutual information with a factor, as a
  share of the factor's entropy, averaged over factors.
- DCI: random forests predict each factor from all dimensions. Importances R_jk of dimension j for
  factor k give *disentanglement*, 1 - entropy of a dimension's row over factors, weighted by the
  row's sum, and *completeness*, 1 - entropy of a factor's column over dimensions, averaged.
  *Informativeness* is how well the forests predict held-out images.
- SAP: the gap between the two dimensions that predict a factor best by themselves, linearly,
  averaged over factors.

References:
    Isolating Sources of Disentanglement (Chen et al., 2018), https://arxiv.org/abs/1802.04942, MIG
    A Framework for the Quantitative Evaluation of Disentangled Representations (Eastwood &
    Williams, 2018), https://openreview.net/forum?id=By-7dz-AZ, DCI
    Variational Inference of Disentangled Latent Concepts (Kumar et al., 2018),
    https://arxiv.org/abs/1711.00848, SAP
    Challenging Common Assumptions (Locatello et al., 2019), https://arxiv.org/abs/1811.12359,
    compares them, with 20 bins of equal width.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mutual_info_score
from sklearn.svm import LinearSVC

__all__ = ["Disentanglement", "disentanglement"]

BINS = 20
"""Bins of equal width, for codes and for factors of numbers."""
FEWEST = 20
"""Smallest number of images."""

Codes = Float[np.ndarray, "images latent"]


@dataclass(frozen=True, kw_only=True)
class Disentanglement:
    """The scores of codes, each averaged over the factors.

    `informativeness` is R^2 for factors of numbers and accuracy for others, as is what SAP
    compares. All are at most 1.
    """

    mig: float
    disentanglement: float
    completeness: float
    informativeness: float
    sap: float

    def as_dict(self) -> dict[str, float]:
        """Return the scores by their names."""
        return asdict(self)


def disentanglement(
    codes: Codes,
    factors: pd.DataFrame,
    *,
    periods: Mapping[str, float] | None = None,
    trees: int = 50,
    seed: int = 0,
) -> Disentanglement:
    """Score codes against the factors that made their images.

    Half of the images fit the predictors of DCI and SAP, the other half test them.

    Args:
        codes: One code per image, at least two dimensions.
        factors: One row per image; columns of numbers are continuous, others are categories. An
            angle whose period depends on a shape's symmetry is no single factor: leave it out.
        periods: The period of each periodic column of numbers; it is predicted as its cosine and
            sine.
        trees: Trees of each random forest.
        seed: Seed of the halves and of the forests.

    Raises:
        ValueError: If there are fewer than two dimensions or `FEWEST` images, the rows differ, a
            value is missing, a factor does not vary, or a period names no column of numbers.
    """
    periods = dict(periods or {})
    _check(codes, factors, periods)
    order = np.random.default_rng(seed).permutation(len(codes))
    fit, test = np.array_split(order, 2)
    gaps, importances, predicted, separated = [], [], [], []
    for name, column in factors.items():
        gaps.append(_mutual_information_gap(codes, _binned(column)))
        numbers = pd.api.types.is_numeric_dtype(column)
        wanted = _targets(column, periods.get(str(name))) if numbers else pd.factorize(column)[0]
        kind = RandomForestRegressor if numbers else RandomForestClassifier
        forest = kind(n_estimators=trees, min_samples_leaf=3, random_state=seed, n_jobs=1)
        forest.fit(codes[fit], wanted[fit])
        importances.append(forest.feature_importances_)
        predicted.append(max(0.0, float(forest.score(codes[test], wanted[test]))))
        separated.append(_separated(codes, wanted, fit, test, numbers))
    each = np.stack(importances, 1)
    return Disentanglement(
        mig=float(np.mean(gaps)),
        disentanglement=float((_concentration(each) * each.sum(1)).sum() / each.sum()),
        completeness=float(_concentration(each.T).mean()),
        informativeness=float(np.mean(predicted)),
        sap=float(np.mean(separated)),
    )


def _check(codes: Codes, factors: pd.DataFrame, periods: Mapping[str, float]) -> None:
    if codes.ndim != 2 or codes.shape[1] < 2 or len(codes) < FEWEST:
        raise ValueError(
            f"`codes` must have at least {FEWEST} rows and 2 dimensions, got {codes.shape}."
        )
    if len(factors) != len(codes) or not factors.shape[1]:
        raise ValueError(
            f"`factors` must have one row per code and a column, got {factors.shape} for "
            f"{len(codes)} codes."
        )
    for name, column in factors.items():
        if column.isna().any() or column.nunique() < 2:
            raise ValueError(f"The factor `{name}` must vary and have no missing value. Drop it.")
    for name, period in periods.items():
        if period <= 0 or name not in factors or factors[name].dtype.kind not in "fiu":
            raise ValueError(f"`periods` must be positive, for columns of numbers; got `{name}`.")


def _binned(values: pd.Series | np.ndarray) -> Int[np.ndarray, " images"]:
    """Number the bin or the category of each value."""
    column = pd.Series(values)
    if not pd.api.types.is_numeric_dtype(column):
        return pd.factorize(column)[0].astype(np.int64)
    numbers = column.to_numpy(np.float64)
    inner = np.linspace(numbers.min(), numbers.max(), BINS + 1)[1:-1]
    return np.digitize(numbers, inner).astype(np.int64)


def _mutual_information_gap(codes: Codes, factor: Int[np.ndarray, " images"]) -> float:
    known = [mutual_info_score(factor, _binned(codes[:, j])) for j in range(codes.shape[1])]
    second, first = np.sort(known)[-2:]
    return float((first - second) / mutual_info_score(factor, factor))


def _targets(column: pd.Series, period: float | None) -> Float[np.ndarray, "images ..."]:
    """Return the standardised numbers, or the cosine and sine of periodic ones."""
    numbers = column.to_numpy(np.float64)
    if period is None:
        return (numbers - numbers.mean()) / numbers.std()
    turn = 2 * np.pi * numbers / period
    return np.stack([np.cos(turn), np.sin(turn)], 1)


def _separated(
    codes: Codes, wanted: np.ndarray, fit: np.ndarray, test: np.ndarray, numbers: bool
) -> float:
    """Return by how much the best single dimension predicts better than the second."""
    scores = []
    for j in range(codes.shape[1]):
        one = codes[:, j : j + 1]
        one = (one - one.mean()) / max(float(one.std()), 1e-12)
        model = LinearRegression() if numbers else LinearSVC(C=0.01, class_weight="balanced")
        score = float(model.fit(one[fit], wanted[fit]).score(one[test], wanted[test]))
        scores.append(max(0.0, score))
    second, first = np.sort(scores)[-2:]
    return float(first - second)


def _concentration(rows: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
    """Return 1 - the normalised entropy of each row as a distribution; 0 for a row of zeros."""
    if rows.shape[1] == 1:
        return np.ones(len(rows))
    shares = rows / np.maximum(rows.sum(1, keepdims=True), 1e-30)
    entropy = -(shares * np.log(np.maximum(shares, 1e-30))).sum(1) / np.log(rows.shape[1])
    return np.where(rows.sum(1) > 0, 1 - entropy, 0.0)
