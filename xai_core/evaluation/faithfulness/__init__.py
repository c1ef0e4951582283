"""Faithfulness of heatmaps: measures, sanity checks, trust criteria."""
