"""Controls of a step: previous, play, next and a slider."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard import state

SECONDS = 0.7
"""Duration of a step during playback."""


def stepped(
    name: str, last: int, draw: Callable[[int], None], *, of: str, link: str, start: int = 0
) -> None:
    """Draw something at a step, with the controls above it; only this fragment reruns.

    Args:
        name: Name of the step's setting, unique over all pages.
        last: The highest step; 0 is the lowest.
        draw: Draws the part at a step.
        of: Label of the slider.
        link: Parameter of the URL that holds the step while nothing plays.
        start: Initial step.
    """
    playing = bool(state.setting(f"{name} playing", False))

    def part() -> None:
        if playing:
            _forward(name, last)
        state.put_setting(name, min(int(state.setting(name, start)), last))
        bound = state.bind(name, start, range(last + 1), link="" if playing else link)
        at = int(state.setting(name))
        _controls(name, at, last, playing, bound | {"label": of})
        draw(at)
        if bool(state.setting(f"{name} playing", False)) != playing:
            st.rerun()

    st.fragment(part, run_every=SECONDS if playing else None)()


def _controls(name: str, at: int, last: int, playing: bool, slider: dict[str, Any]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button(
            "Step back",
            icon=":material/skip_previous:",
            key=f"{name} previous",
            disabled=at == 0,
            on_click=_go,
            args=(name, at - 1),
        )
        st.button(
            "Pause" if playing else "Play",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            key=f"{name} play",
            on_click=_play,
            args=(name, not playing, at == last),
        )
        st.button(
            "Step forward",
            icon=":material/skip_next:",
            key=f"{name} next",
            disabled=at == last,
            on_click=_go,
            args=(name, at + 1),
        )
        if last > 0:
            st.slider(min_value=0, max_value=last, width=320, **slider)


def _go(name: str, step: int) -> None:
    state.put_setting(name, step)
    state.put_setting(f"{name} playing", False)


def _play(name: str, on: bool, again: bool) -> None:
    state.put_setting(f"{name} playing", on)
    if on and again:
        state.put_setting(name, 0)


def _forward(name: str, last: int) -> None:
    """Take a step; stop at the last."""
    step = min(int(state.setting(name, 0)) + 1, last)
    state.put_setting(name, step)
    if step == last:
        state.put_setting(f"{name} playing", False)
