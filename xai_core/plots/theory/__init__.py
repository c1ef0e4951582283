"""Figures of the Theory pages."""
