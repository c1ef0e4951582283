"""The pages and their order: the script that runs at each visit."""

import streamlit as st

from dashboard.links import PAGES
from dashboard.ui import messages
from dashboard.ui.frame import layout

st.set_page_config(page_title="Cluster VAE explorer", page_icon=layout.icon(), layout="wide")


def listed(name: str, title: str, icon: str) -> st.Page:
    """Return the entry of a page in the navigation; its name is its address."""
    home = name == "home"
    return st.Page(
        PAGES[name],
        title=title,
        icon=f":material/{icon}:",
        url_path=None if home else name,
        default=home,
    )


page = st.navigation(
    {
        "": [listed("home", "Home", "home"), listed("own_image", "Your image", "draw")],
        "Explore": [
            listed("latent_map", "Latent map", "scatter_plot"),
            listed("reconstructions", "Reconstructions", "compare"),
            listed("clusters", "Clusters", "category"),
            listed("compare", "Compare", "balance"),
            listed("model_card", "Model card", "fact_check"),
        ],
        "Explain": [
            listed("heatmaps", "Heatmaps", "gradient"),
            listed("counterfactuals", "Counterfactuals", "alt_route"),
        ],
        "Theory": [
            listed("theory_contents", "Contents", "toc"),
            listed("theory_hidden", "Hidden variables", "visibility_off"),
            listed("theory_inequalities", "Inequalities", "compare_arrows"),
            listed("theory", "The bound", "stacked_line_chart"),
            listed("theory_linear_vae", "A VAE by hand", "calculate"),
            listed("theory_factorisations", "Two factorisations", "call_split"),
            listed("theory_collapse", "The collapse", "trending_down"),
            listed("theory_mixtures", "Mixtures by EM", "blur_on"),
            listed("theory_probe", "Mean-field", "linear_scale"),
            listed("theory_manifold", "On the manifold", "landscape"),
        ],
        "Make": [listed("train", "Train", "model_training")],
    },
    expanded=True,
)
with messages.errors_as_text():
    page.run()
layout.end()
