"""Names in messages; pure Python, so that `xai list` starts fast."""

from collections.abc import Collection

__all__ = ["is_text", "listed", "visible"]


def listed(names: Collection[object], limit: int = 5) -> str:
    """Name the first few in quotes, and count the rest."""
    shown = ", ".join(repr(str(name)[:60]) for name in list(names)[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def visible(name: str) -> str:
    """Return a name, in quotes if it has no visible character, such as `''`."""
    shows = any(mark.isprintable() and not mark.isspace() for mark in name)
    return name if shows else repr(name)


def is_text(name: str) -> bool:
    """Return whether a name can be encoded as UTF-8, which file names need not be."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
