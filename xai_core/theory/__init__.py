"""What the reports derive, as functions that measure it on a model or on points."""
