"""Derivations of the theory pages as data: each line with its reason and both sides as numbers."""
