"""The latent space: encoding, the two-dimensional map, neighbours, interpolation."""
