"""How long tests wait, the same everywhere: no test depends on the speed of the machine."""

PATIENCE = 300.0
"""Seconds until something that should have happened counts as broken, on a busy machine too."""
