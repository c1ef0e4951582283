"""The Theory page on graphs and hidden variables."""
