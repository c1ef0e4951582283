"""The page The latent plane."""
