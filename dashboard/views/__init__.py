"""One folder per page: its script `view.py`, its panels, and `loader.py`, its cached answers."""
