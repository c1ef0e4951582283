"""Scheduling of computations: compute slots, a fair queue, a pool of worker processes."""
