"""Shared parts of the Theory pages: draws, questions, steps, formulas."""
