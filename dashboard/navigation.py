"""The pages and their order: the script that runs at each visit."""

import streamlit as st

from dashboard.components import layout, messages

st.set_page_config(page_title="Cluster VAE explorer", page_icon=layout.icon(), layout="wide")

PAGES = {
    "": [
        st.Page("views/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("views/own_image.py", title="Your image", icon=":material/draw:"),
    ],
    "Explore": [
        st.Page("views/latent_map.py", title="Latent map", icon=":material/scatter_plot:"),
        st.Page("views/reconstructions.py", title="Reconstructions", icon=":material/compare:"),
        st.Page("views/clusters.py", title="Clusters", icon=":material/category:"),
        st.Page("views/compare.py", title="Compare", icon=":material/balance:"),
    ],
    "Explain": [
        st.Page("views/heatmaps.py", title="Heatmaps", icon=":material/gradient:"),
        st.Page("views/counterfactuals.py", title="Counterfactuals", icon=":material/alt_route:"),
    ],
    "Theory": [
        st.Page("views/theory.py", title="The bound", icon=":material/stacked_line_chart:"),
        st.Page(
            "views/theory_factorisations.py",
            title="Two factorisations",
            icon=":material/call_split:",
        ),
        st.Page("views/theory_collapse.py", title="The collapse", icon=":material/trending_down:"),
        st.Page("views/theory_mixtures.py", title="Mixtures by EM", icon=":material/blur_on:"),
        st.Page("views/theory_probe.py", title="Mean-field", icon=":material/linear_scale:"),
        st.Page("views/theory_manifold.py", title="On the manifold", icon=":material/landscape:"),
    ],
    "Make": [
        st.Page("views/train.py", title="Train", icon=":material/model_training:"),
    ],
}

page = st.navigation(PAGES, expanded=True)
with messages.errors_as_text():
    page.run()
layout.end()
