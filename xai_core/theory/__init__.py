"""The report's results, as functions that measure them on a model or on points."""
