"""The Model card page: what was trained, on what, and how good it is."""
