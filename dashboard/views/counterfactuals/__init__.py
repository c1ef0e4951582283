"""The Counterfactuals page: what would have to change, and how far to trust it."""
