"""Figures of the latent map: points, colours, marks, paths, the picture."""
