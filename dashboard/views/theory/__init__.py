"""What the Theory pages share: draws, questions, steps, formulas."""
