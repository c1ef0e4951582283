"""The Clusters page: prototypes, samples, members, boundary images, interpolation."""
