"""Cached results that several pages share, and the scheduling of their computation."""
