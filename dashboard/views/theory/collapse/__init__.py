"""The Theory page on the collapse of clusters."""
