"""The Latent map page: points, marks, selections, downloads."""
