"""One folder per page: the script `view.py`, its panels, and `loader.py` with cached results."""
