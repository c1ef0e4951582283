"""`python -m tests.browser.screenshots`: take the README's pictures anew."""

import tempfile
from pathlib import Path

from .conftest import ROOT, chromium, served, settle

PICTURES = {
    "home.png": ("", "light"),
    "latent_map.png": ("latent_map", "dark"),
    "reconstructions.png": ("reconstructions", "light"),
    "clusters.png": ("clusters", "light"),
    "heatmaps.png": ("heatmaps?image=test:18", "light"),
    "counterfactuals.png": ("counterfactuals?image=test:18&to=8", "dark"),
    "own_image.png": ("own_image", "light"),
    "compare.png": ("compare", "light"),
    "train.png": ("train", "dark"),
    "theory.png": ("theory?image=test:18", "light"),
    "theory_factorisations.png": ("theory_factorisations?image=test:18", "light"),
    "theory_collapse.png": ("theory_collapse", "light"),
    "theory_mixtures.png": ("theory_mixtures", "dark"),
    "theory_probe.png": ("theory_probe", "light"),
    "theory_manifold.png": ("theory_manifold?image=test:18", "light"),
}
TOUR_SEEN = "localStorage.setItem('cluster-vae-explorer.tour', 'done')"
SIZE = {"width": 1400, "height": 1000}


def main():
    folder = ROOT / ".github"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as logs, chromium() as browser:
        with served(Path(logs) / "log.txt") as address:
            for name, (path, theme) in PICTURES.items():
                context = browser.new_context(viewport=SIZE, color_scheme=theme)
                context.add_init_script(TOUR_SEEN)
                page = context.new_page()
                page.goto(f"{address}/{path}")
                settle(page)
                page.screenshot(path=folder / name)
                print(f"Wrote {name}")
                context.close()


if __name__ == "__main__":
    main()
