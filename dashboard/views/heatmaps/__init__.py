"""The Heatmaps page: which pixels matter, by which method, and how far to trust it."""
