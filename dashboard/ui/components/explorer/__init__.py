"""The latent map beside its images, as a widget for notebooks."""
