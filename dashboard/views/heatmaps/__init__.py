"""The Heatmaps page: attribution maps of all methods, and their faithfulness."""
