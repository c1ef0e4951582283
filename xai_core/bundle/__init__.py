"""A bundle on disk: its manifest, how it is written, read, listed, and what it can explain."""

from .._moved import moved

__getattr__ = moved(
    __name__,
    {
        "Bundle": ".reading",
        "load_bundle": ".reading",
        "BundleSummary": ".listing",
        "list_bundles": ".listing",
        "save_bundle": ".writing",
    },
)
