"""Figures of a counterfactual: the change, the lines along its path, the sheet."""
