"""Scripts and notebooks to start from."""
