"""The Reconstructions page: reconstruction error, bound and latent dimensions."""
