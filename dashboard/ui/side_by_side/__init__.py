"""An image, explained by one model, to stand beside others."""
