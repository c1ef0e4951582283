"""The page of a person's own image: drawn or uploaded, then asked everything."""
