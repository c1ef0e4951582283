"""Derivations of the Theory pages: each line has a reason and both sides as numbers."""
