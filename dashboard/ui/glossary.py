"""Definitions of the pages' terms, shown on the pages that use them."""

import re

import streamlit as st

TERMS = {
    "accuracy": "The share of images whose cluster was matched with their label.",
    "adversarial example": "An image changed so little that a person sees no difference, while "
    "the model's decision changes; the change often looks like noise.",
    "ARI": "Adjusted Rand index: agreement of two groupings, 0 by chance, 1 at best.",
    "attribution": "A number per pixel: how much it contributed to one output of a model.",
    "baseline": "An image that represents the absence of content; some methods measure from it.",
    "boundary search": "A search for the nearest code of another class.",
    "cluster": "A group of images that the model found; no label was used to find it.",
    "cluster model": "The cluster VAE: it sorts images into clusters and draws them, and was "
    "trained without labels.",
    "classifier": "A separate network, trained with labels to tell classes apart.",
    "cluster information": "The mutual information of image and cluster, in nats; ln K for K "
    "clusters that are equally large and never in doubt.",
    "code": "The position of an image in latent space: the mean of q(z|x).",
    "confidence": "The largest q(c|x): the probability of the cluster that the model chose.",
    "continuity": "The share of near images in latent space that stay near on the map.",
    "control": "A map that ignores the model; a method that does no better explains nothing.",
    "counterfactual": "The image, changed as little as possible so that the model's decision "
    "changes.",
    "decoder": "The part that draws an image from a code.",
    "deletion": "The area under the probability while pixels are removed, most important first; "
    "low is good.",
    "distortion": "The share of an image's 10 nearest neighbours in latent space that the map "
    "does not keep near it.",
    "ELBO": "Evidence lower bound: a lower bound of ln p(x), the quantity that is maximised.",
    "heatmap": "An attribution drawn as an image.",
    "insertion": "The area under the probability while pixels are shown, most important first; "
    "high is good.",
    "KL divergence": "The difference of one distribution from another, in nats; 0 if equal.",
    "latent ascent": "Gradient ascent of log p(target) in latent space: the diffeomorphic "
    "counterfactual.",
    "latent space": "The few numbers into which the encoder turns an image.",
    "learned mask": "The critic: a small network, trained to mark the pixels that suffice for a "
    "decision.",
    "nat": "The unit of natural logarithms: one nat is a factor of e = 2.718 in probability.",
    "NMI": "Normalised mutual information of clusters and labels: 1 if one determines the other.",
    "out of distribution": "Unlike the images that the model was trained on.",
    "posterior": "What the model infers from an image: q(z|x) for the code, q(c|x) for the "
    "cluster.",
    "prior": "The distribution of codes before an image is seen: one Gaussian per cluster.",
    "prototype": "The decoded centre of a cluster; no real image.",
    "reconstruction": "What the decoder draws from the image's code.",
    "temperature": "A factor on the standard deviation of sampled codes.",
    "trustworthiness": "The share of near images on the map that are near in latent space.",
    "UMAP": "The method that maps the codes to two dimensions.",
}
"""Each term and its definition in one sentence."""

_FOUND = {
    term: re.compile(rf"(?<!\w){re.escape(term)}(s|es)?(?!\w)", 0 if term.isupper() else re.I)
    for term in TERMS
}


def used_in(text: str) -> list[str]:
    """Return the terms that a text uses, in alphabetical order."""
    return [term for term, pattern in _FOUND.items() if pattern.search(text)]


def define(terms: list[str]) -> None:
    """Write the definitions of some terms."""
    st.markdown("\n".join(f"- **{term}**: {TERMS[term]}" for term in terms))
