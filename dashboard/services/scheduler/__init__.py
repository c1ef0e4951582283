"""Which request computes when: compute slots, a fair queue, a pool of worker processes."""
