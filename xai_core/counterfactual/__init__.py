"""What would have to change: searches for counterfactuals, and their certificate."""
