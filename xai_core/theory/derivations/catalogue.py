"""All derivations, by their key."""

from collections.abc import Mapping
from typing import Any

from . import (
    bound,
    clusters,
    factorisations,
    gaussians,
    inequalities,
    manifold,
    mean_field,
    mixtures,
)
from .line import Derivation

__all__ = ["DERIVATIONS"]

DERIVATIONS: Mapping[str, Derivation[Any]] = {
    found.key: found
    for found in (
        bound.JENSEN_BOUND,
        factorisations.TWO_LATENTS,
        factorisations.INEQUALITY,
        factorisations.DIFFERENCE,
        factorisations.FINAL_BOUND,
        clusters.BEST_CHOICE,
        clusters.TWO_COLLAPSES,
        bound.BAYES,
        bound.EXERCISE_A,
        bound.EXERCISE_B,
        inequalities.JENSEN,
        inequalities.GIBBS,
        mixtures.EM_ASCENT,
        mixtures.EM_ISOTROPIC,
        mixtures.POSTERIOR_MODE,
        mean_field.COORDINATE_ASCENT,
        mean_field.SCORE_FUNCTION,
        mean_field.REPARAMETERISED,
        gaussians.GAUSSIAN_KL,
        gaussians.LINEAR_VAE,
        bound.THREE_TERMS,
        manifold.LATENT_STEP,
        mixtures.K_MEANS,
    )
}
"""In the order of the source documents; each is evaluated on numbers of its own kind."""
