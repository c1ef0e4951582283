"""`xai dashboard`."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ..errors import XaiError
from .options import Unused, UnusedSeed

__all__ = ["dashboard"]


def dashboard(
    bundle: Annotated[
        str | None, typer.Argument(metavar="[BUNDLE]", help="Bundle to open first.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the web server.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    seed: UnusedSeed = 0,
    device: Unused = "auto",
) -> None:
    """Open the dashboard in the browser."""
    package = find_spec("dashboard")
    server = Path(package.origin or "").with_name("Home.py") if package else None
    if server is None or not server.is_file():
        raise XaiError("The dashboard is not installed. In the project's folder: pip install -e .")
    command = [sys.executable, "-m", "streamlit", "run", str(server)]
    if port is not None:
        command += ["--server.port", str(port)]
    if headless:
        command += ["--server.headless", "true"]
    status = subprocess.run(command, env=_environment(bundle), check=False).returncode
    if status:
        raise typer.Exit(status if 0 < status < 256 else 1)


def _environment(bundle: str | None) -> dict[str, str]:
    """Return the environment that makes the dashboard open this bundle first."""
    if bundle is None:
        return dict(os.environ)
    from ..bundle.paths import find_bundle

    path = find_bundle(bundle)
    folders = [str(path.parent), *filter(None, [os.environ.get("XAI_BUNDLES")])]
    return {**os.environ, "XAI_BUNDLES": os.pathsep.join(folders), "XAI_BUNDLE": path.name}
