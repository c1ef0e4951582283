"""Figure 1: the model's plates and arrows, drawn from its configuration as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from .. import theme

__all__ = [
    "Graph",
    "describe",
    "graph_of",
    "graphical_model_svg",
    "panels_of",
]

Panel = Literal["generative", "c_given_x", "c_given_z"]

PANEL, HEIGHT, RADIUS = 330, 380, 25
FONT = "'Source Sans 3', 'Source Sans Pro', 'Helvetica Neue', Arial, sans-serif"
PLACES = {
    "c": (95.0, 178.0),
    "z": (235.0, 178.0),
    "x": (165.0, 292.0),
    "pi": (95.0, 92.0),
    "mu": (215.0, 92.0),
    "sigma": (255.0, 92.0),
    "theta": (305.0, 292.0),
    "phi": (305.0, 292.0),
    "phi_c": (25.0, 292.0),
}
"""Centres within a panel."""
NAMES = {"pi": "\N{GREEK SMALL LETTER PI}", "theta": "\N{GREEK SMALL LETTER THETA}",
         "mu": "\N{GREEK SMALL LETTER MU}", "sigma": "\N{GREEK SMALL LETTER SIGMA}",
         "phi": "\N{GREEK PHI SYMBOL}", "phi_c": "\N{GREEK PHI SYMBOL}"}  # fmt: skip
TITLES: dict[Panel, tuple[str, str]] = {
    "generative": ("Generative model", ""),
    "c_given_x": ("Inference, c given x", "q(z, c|x) = q(c|x) q(z|x)"),
    "c_given_z": ("Inference, c given z", "q(z, c|x) = q(c|z) q(z|x),  q(c|z) = p(c|z)"),
}


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The nodes and arrows of one panel.

    Attributes:
        latent: Random variables in circles, x shaded.
        fixed: Parameters, as dots.
        arrows: From, to.
        dashed: Whether the arrows are those of inference.
        plate_k: Whether mu and sigma stand in a plate of K.
    """

    latent: tuple[str, ...] = ("c", "z", "x")
    fixed: tuple[str, ...] = ()
    arrows: tuple[tuple[str, str], ...] = ()
    dashed: bool = False
    plate_k: bool = False


def graph_of(panel: Panel, *, decoder_conditioning: str = "z", prior: str = "mixture") -> Graph:
    """List the nodes and arrows of a panel.

    Args:
        panel: The generative model, or inference by one of the factorisations.
        decoder_conditioning: "z" or "z+c".
        prior: "mixture", or "standard" if z does not depend on c.
    """
    arrows: tuple[tuple[str, str], ...]
    if panel == "c_given_x":
        arrows = (("x", "z"), ("x", "c"), ("phi", "z"), ("phi_c", "c"))
        return Graph(fixed=("phi", "phi_c"), arrows=arrows, dashed=True)
    if panel == "c_given_z":
        arrows = (("x", "z"), ("z", "c"), ("phi", "z"))
        return Graph(fixed=("phi",), arrows=arrows, dashed=True)
    arrows = (("pi", "c"), ("z", "x"), ("theta", "x"))
    fixed: tuple[str, ...] = ("pi", "theta")
    mixture = prior == "mixture"
    if mixture:
        arrows = (*arrows, ("mu", "z"), ("sigma", "z"), ("c", "z"))
        fixed = (*fixed, "mu", "sigma")
    if decoder_conditioning == "z+c":
        arrows = (*arrows, ("c", "x"))
    return Graph(fixed=fixed, arrows=arrows, plate_k=mixture)


def graphical_model_svg(
    *,
    factorisation: str = "both",
    decoder_conditioning: str = "z",
    prior: str = "mixture",
    likelihood: str = "bernoulli",
    num_clusters: int = 10,
    latent_dim: int = 16,
    num_images: int | None = None,
    dark: bool = False,
    panels: Sequence[Panel] = (),
) -> str:
    """Draw the generative model and one or both inference models of z and c.

    Args:
        factorisation: "c_given_x", "c_given_z", or "both".
        decoder_conditioning: "z", or "z+c" where x depends on c too.
        prior: "mixture", or "standard".
        likelihood: "bernoulli" or "gaussian".
        num_clusters: K.
        latent_dim: d.
        num_images: N, if known.
        dark: Whether the page has a dark theme.
        panels: Draw only these panels, regardless of `factorisation`.

    Returns:
        An SVG document.
    """
    panels = panels or panels_of(factorisation)
    reads = "x|z, c" if decoder_conditioning == "z+c" else "x|z"
    of_z = "p(z|c)" if prior == "mixture" else "p(z)"
    factors = f"p(x, z, c) = p({reads}) {of_z} p(c)"
    text = describe(decoder_conditioning, prior, likelihood, num_clusters, latent_dim)
    drawn = []
    for number, panel in enumerate(panels):
        title, formula = TITLES[panel]
        graph = graph_of(panel, decoder_conditioning=decoder_conditioning, prior=prior)
        body = _panel(graph, title, formula or factors, num_clusters, num_images, dark)
        drawn.append(f"<g transform='translate({number * PANEL} 0)'>{body}</g>")
    width = PANEL * len(panels)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {HEIGHT}' "
        f"width='{width}' height='{HEIGHT}' role='img' font-family=\"{FONT}\" "
        f"fill='{theme.ink(dark)}'><title>{escape(text)}</title>"
        f"<defs><marker id='head' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='7' "
        f"markerHeight='7' orient='auto'><path d='M0 0 10 5 0 10z' fill='{theme.ink(dark)}'/>"
        f"</marker></defs>{''.join(drawn)}</svg>"
    )


def panels_of(factorisation: str) -> tuple[Panel, ...]:
    """Name the panels of "c_given_x", "c_given_z", or "both"."""
    if factorisation == "c_given_x":
        return ("generative", "c_given_x")
    if factorisation == "c_given_z":
        return ("generative", "c_given_z")
    return ("generative", "c_given_x", "c_given_z")


def describe(
    decoder_conditioning: str, prior: str, likelihood: str, num_clusters: int, latent_dim: int
) -> str:
    """Describe the arrows in words."""
    kind = "Bernoulli pixels" if likelihood == "bernoulli" else "Gaussian pixels"
    of_z = (
        f"its code z has {latent_dim} numbers drawn from the Gaussian of c"
        if prior == "mixture"
        else f"its code z has {latent_dim} numbers drawn from N(0, I), whatever c is"
    )
    read = "z and c" if decoder_conditioning == "z+c" else "z alone"
    return (
        f"Each image has a cluster c, one of {num_clusters}; {of_z}; the decoder reads {read} and "
        f"gives {kind}. Dashed arrows infer z and c from x."
    )


def _panel(
    graph: Graph, title: str, formula: str, clusters: int, images: int | None, dark: bool
) -> str:
    ink, count = theme.ink(dark), f"N = {images:,} images" if images else "N images"
    parts = [
        "<text x='165' y='24' text-anchor='middle' font-size='17' font-weight='600'>"
        f"{title}</text>",
        f"<text x='165' y='46' text-anchor='middle' font-size='14' opacity='.8'>{escape(formula)}"
        "</text>",
        _plate(48, 134, 234, 216, count, ink),
    ]
    if graph.plate_k:
        parts.append(_plate(187, 66, 96, 48, "", ink))
        parts.append(
            f"<text x='178' y='95' text-anchor='end' font-size='12' opacity='.8'>K = {clusters}"
            "</text>"
        )
    parts += [_arrow(start, end, graph, ink) for start, end in graph.arrows]
    parts += [_circle(name, dark) for name in graph.latent]
    parts += [_dot(name) for name in graph.fixed]
    return "".join(parts)


def _plate(x: int, y: int, width: int, height: int, label: str, ink: str) -> str:
    return (
        f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='9' fill='none' "
        f"stroke='{ink}' stroke-opacity='.45'/><text x='{x + width - 8}' y='{y + height - 8}' "
        f"text-anchor='end' font-size='12' opacity='.8'>{label}</text>"
    )


def _circle(name: str, dark: bool) -> str:
    x, y = PLACES[name]
    fill = theme.muted(dark) if name == "x" else ("#10141b" if dark else "#ffffff")
    return (
        f"<circle cx='{x}' cy='{y}' r='{RADIUS}' fill='{fill}' stroke='{theme.ink(dark)}' "
        f"stroke-width='1.6'/><text x='{x}' y='{y + 6}' text-anchor='middle' font-size='19' "
        f"font-style='italic'>{name}</text>"
    )


def _dot(name: str) -> str:
    x, y = PLACES[name]
    below = name in ("theta", "phi", "phi_c")
    at, shift = (x, y + 20) if below else (x, y - 9)
    return (
        f"<circle cx='{x}' cy='{y}' r='4'/><text x='{at}' y='{shift}' text-anchor='middle' "
        f"font-size='15' font-style='italic'>{NAMES[name]}"
        f"{_subscript(name)}</text>"
    )


def _subscript(name: str) -> str:
    small = {"mu": "c", "sigma": "c", "phi": "z", "phi_c": "c"}.get(name)
    return f"<tspan font-size='11' dy='4'>{small}</tspan>" if small else ""


def _arrow(start: str, end: str, graph: Graph, ink: str) -> str:
    (x1, y1), (x2, y2) = PLACES[start], PLACES[end]
    length = math.hypot(x2 - x1, y2 - y1)
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    leave, arrive = (5 if start in graph.fixed else RADIUS), RADIUS + 1
    dash = " stroke-dasharray='6 4'" if graph.dashed else ""
    return (
        f"<line x1='{x1 + leave * dx:.1f}' y1='{y1 + leave * dy:.1f}' "
        f"x2='{x2 - arrive * dx:.1f}' y2='{y2 - arrive * dy:.1f}' stroke='{ink}' "
        f"stroke-width='1.6' marker-end='url(#head)'{dash}/>"
    )
