"""Build the API reference from the docstrings: `python .ci/docs.py FOLDER [MODULE ...]`."""

import pkgutil
import sys
from pathlib import Path

import pdoc

import xai_core

for name in xai_core.__all__:  # imported at first use; pdoc shows only what is there
    setattr(xai_core, name, getattr(xai_core, name))
modules = [f"xai_core.{module.name}" for module in pkgutil.iter_modules(xai_core.__path__)]
public = [module for module in modules if "._" not in module]
pdoc.render.configure(docformat="google", math=False)
folder, *chosen = sys.argv[1:]
chosen = chosen or ["xai_core", *public, "dashboard.notebook"]
pdoc.pdoc(*chosen, output_directory=Path(folder))
