"""The Theory page on Gaussian mixtures by EM."""
