"""Directed graphical models as DOT, plates as boxes."""

from collections.abc import Mapping, Sequence

from .. import theme

__all__ = ["dot"]


def dot(
    arrows: Sequence[tuple[str, str]],
    dark: bool,
    *,
    seen: Sequence[str] = (),
    fixed: Sequence[str] = (),
    plates: Mapping[str, Sequence[str]] | None = None,
    sideways: bool = True,
) -> str:
    """Write a graph in Graphviz's DOT language.

    Args:
        arrows: From, to; a node is named by its text.
        dark: Whether the page has a dark theme.
        seen: Observed variables, shaded.
        fixed: Parameters, without a circle.
        plates: Repeated nodes, by the plate's label. A plate that contains all nodes of the
            previous one encloses it.
        sideways: Whether the graph runs from left to right instead of downwards.
    """
    ink, shade = theme.ink(dark), theme.muted(dark)
    names = {name: f"n{i}" for i, name in enumerate(dict.fromkeys(sum(arrows, ())))}
    lines = [
        f'{ref} [label="{name}"{_look(name, seen, fixed, shade)}];' for name, ref in names.items()
    ]
    lines += [f"{names[a]} -> {names[b]};" for a, b in arrows]
    lines.append(_plates([*(plates or {}).items()], names))
    head = (
        f'digraph {{ rankdir={"LR" if sideways else "TB"}; bgcolor="transparent"; '
        f'color="{ink}"; fontcolor="{ink}"; fontname="sans-serif"; fontsize=12; '
        f'node [shape=circle, color="{ink}", fontcolor="{ink}", fontname="sans-serif", '
        f'fontsize=14]; edge [color="{ink}"]; '
    )
    return head + " ".join(lines) + " }"


def _look(name: str, seen: Sequence[str], fixed: Sequence[str], shade: str) -> str:
    if name in fixed:
        return ", shape=plaintext"
    return f', style=filled, fillcolor="{shade}55"' if name in seen else ""


def _plates(plates: Sequence[tuple[str, Sequence[str]]], names: Mapping[str, str]) -> str:
    """Nest each plate in the next one if that contains all its nodes."""
    written, inner, held = "", "", set[str]()
    for number, (text, nodes) in enumerate(plates):
        if not held <= set(nodes):
            written, inner = written + inner, ""
        body = inner + " ".join(f"{names[node]};" for node in nodes)
        inner = f'subgraph cluster_{number} {{ label="{text}"; labeljust=r; {body} }} '
        held = set(nodes)
    return written + inner
