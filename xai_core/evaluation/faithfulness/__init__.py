"""How far a heatmap can be believed: measures, sanity checks, trust criteria."""
