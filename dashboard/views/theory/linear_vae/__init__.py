"""The Theory page on a one-dimensional VAE."""
