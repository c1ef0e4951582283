"""What `/healthz` says: whether the server can show a model."""

from xai_core import __version__
from xai_core.bundle.listing import list_bundles
from xai_core.errors import BundleError

__all__ = ["ADDRESS", "health"]

ADDRESS = "/healthz"


def health() -> tuple[int, dict[str, object]]:
    """Return the HTTP status and its reason: 200 if some bundle looks whole, else 503."""
    try:
        found = list_bundles()
    except BundleError as error:
        return 503, {"status": str(error), "version": __version__}
    whole = [summary.name for summary in found if summary.error is None]
    status = "ok" if whole else "There is no whole bundle."
    return (200 if whole else 503), {
        "status": status,
        "version": __version__,
        "bundles": len(whole),
        "damaged": len(found) - len(whole),
    }
