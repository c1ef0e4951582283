"""The list of trainings: progress, result and curves."""

import time
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.links import PAGES
from dashboard.services.jobs import runs
from dashboard.ui import messages
from dashboard.ui.frame import layout
from dashboard.views.train import curves, loader
from xai_core.training.stages.table import stage_title

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

EVERY = 2.0
"""Seconds between two updates while a training runs."""
BADGES = {
    "running": ("Running", ":material/autorenew:", "blue"),
    "stopping": ("Stopping", ":material/hourglass_bottom:", "orange"),
    "finished": ("Finished", ":material/check:", "green"),
    "stopped": ("Stopped", ":material/pause:", "gray"),
    "failed": ("Failed", ":material/error:", "red"),
}
LAST = {"finished": "is finished", "stopped": "was stopped", "failed": "failed"}
SYMBOLS = {"clusters": "K", "latent_dim": "d", "train_images": "images"}
"""Short names of settings."""


def watch() -> None:
    """Show what runs and when it ends, and all runs; update while a run is alive."""
    before = _states(runs.all_runs())

    def part() -> None:
        now = runs.all_runs()
        if _states(now) != before:
            st.rerun()
        layout.claim(messages.literal(finding(now)))
        if now:
            _list(now)

    st.fragment(part, run_every=_pace(before))()


def draw_curves(bundle: "Bundle | None") -> None:
    """Draw the curves of one run or two; update while a run is alive."""

    def part() -> None:
        curves.compare(runs.all_runs(), bundle)

    st.fragment(part, run_every=_pace(_states(runs.all_runs())))()


def finding(now: list[runs.Run]) -> str:
    """Say what runs and when it ends."""
    alive = [run for run in now if run.alive]
    if not alive:
        last = f"; the last one, {now[0].name}, {LAST[now[0].state]}" if now else ""
        return f"No training is running{last}"
    return "; ".join(f"{run.name} is running: {_end(run)}" for run in alive)


def _end(run: runs.Run) -> str:
    left = run.progress.seconds_left
    return "about to begin" if left is None else f"about {loader.duration(left)} left"


def _pace(states: list[tuple[str, str]]) -> float | None:
    """Return the seconds between two updates; None if nothing runs."""
    return EVERY if any(what in ("running", "stopping") for _, what in states) else None


def _states(now: list[runs.Run]) -> list[tuple[str, str]]:
    return [(run.name, run.state) for run in now]


def _list(now: list[runs.Run]) -> None:
    layout.section(
        "Trainings",
        "Every training that was started here, the latest first.",
        "A training is a separate process: it continues when this page, the browser or the "
        "server is closed, and its state is kept after every epoch. **Stop training** ends it at "
        "once. **Resume** continues after the last finished epoch; the weights are the same as "
        "without a stop. The bar shows the share of the expected work, since steps of different "
        "stages take different times. The "
        f"time left is an estimate from the speed so far. At most {runs.MOST_AT_ONCE} run at "
        "the same time.",
    )
    for run in now:
        with st.container(border=True, key=f"run-{run.name}"):
            _one(run)


def _one(run: runs.Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        label, icon, colour = BADGES[run.state]
        st.markdown(f"**{run.name}**: {_what(run)}", width="content")
        st.badge(label, icon=icon, color=colour)  # type: ignore[arg-type]  # a name it knows
        st.caption(_asked(run), width="stretch")
        _buttons(run)
    if run.alive:
        st.progress(run.progress.share, text=_progress(run))
    if run.state == "failed":
        kept = " Its finished epochs are kept: continue with **Resume**." if run.begun else ""
        st.error(f"{run.why}{kept}", icon=":material/error:")
    if run.state == "stopped":
        st.caption(f"Stopped at {run.progress.share:.0%} of the work.".replace("%", " %"))
    with st.expander("Log"):
        st.code(runs.log_tail(run.name) or "Nothing yet.", language=None, height=240)


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _asked(run: runs.Run) -> str:
    asked = run.request
    parts = [
        f"{SYMBOLS.get(name, name.replace('_', ' '))} {_shown(value)}"
        for name, value in asked.settings.items()
    ]
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.begun))
    return " · ".join([*parts, f"seed {asked.seed}", f"begun {when}"])


def _what(run: runs.Run) -> str:
    """Name the data and the preset of a run, as Markdown."""
    data = messages.literal(run.request.data)
    return f"{data}, preset {messages.literal(run.request.preset)}"


def _progress(run: runs.Run) -> str:
    if run.state == "stopping":
        return "Stopping"
    progress = run.progress
    if not progress.stage:
        return "Starting: reading the images"
    stage = stage_title(progress.stage)
    steps = f", step {progress.done:,} of {progress.total:,}" if progress.total > 1 else ""
    left = "" if progress.seconds_left is None else f" · {_end(run)}"
    return f"{stage}{steps} · {100 * progress.share:.0f} % of the work{left}"


def _buttons(run: runs.Run) -> None:
    name = run.name
    with messages.errors_as_text():
        changes = runs.allowed()
        if changes and run.state == "running" and _button("Stop training", "stop", name):
            runs.stop(name)
            st.rerun()
        left = changes and run.state in ("stopped", "failed") and run.begun
        if left and _button("Resume", "play_arrow", name):
            runs.resume(name)
            st.rerun()
        if run.state == "finished" and _button("Open", "open_in_new", name):
            state.select_bundle(name)
            st.switch_page(PAGES["home"])
        if changes and not run.alive:
            _removal(run)


def _removal(run: runs.Run) -> None:
    with st.popover("Remove", icon=":material/delete:", type="tertiary"):
        kept = run.state == "finished"
        st.markdown(
            "Removes it from this list; its model stays."
            if kept
            else "Deletes its log and its unfinished state, so that it cannot be resumed."
        )
        if _button("Remove it", "delete", run.name):
            runs.remove(run.name)
            st.rerun()


def _button(label: str, icon: str, name: str) -> bool:
    return st.button(label, icon=f":material/{icon}:", key=f"{label} {name}", wrap=False)
