"""Questions put to a bundle: the explainers, tied to what it holds."""
