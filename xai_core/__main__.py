"""`python -m xai_core` is `xai`."""

from .cli import main

if __name__ == "__main__":
    main()
