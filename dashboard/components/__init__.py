"""Components: one idea of the interface a file."""
