"""Names in messages; it needs nothing but Python, so that `xai list` answers at once."""

from collections.abc import Collection

__all__ = ["is_text", "listed"]


def listed(names: Collection[object], limit: int = 5) -> str:
    """Name the first few in quotes, and count the rest."""
    shown = ", ".join(repr(str(name)[:60]) for name in list(names)[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def is_text(name: str) -> bool:
    """Return whether a name can be written as UTF-8, as a file's name need not be."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
