"""Cached answers that several pages share, and who may compute them when."""
