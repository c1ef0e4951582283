"""Groups of images that a model decides in the same way, and possible shortcuts."""
