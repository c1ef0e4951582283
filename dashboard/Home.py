"""Entry point: `streamlit run dashboard/Home.py`."""

import streamlit as st

from dashboard.components import layout, messages

st.set_page_config(page_title="Cluster VAE explorer", page_icon=layout.icon(), layout="wide")

PAGES = {
    "": [
        st.Page("views/home.py", title="Home", icon=":material/home:", default=True),
    ],
    "Explore": [
        st.Page("views/latent_map.py", title="Latent map", icon=":material/scatter_plot:"),
        st.Page("views/reconstructions.py", title="Reconstructions", icon=":material/compare:"),
        st.Page("views/clusters.py", title="Clusters", icon=":material/category:"),
    ],
}

page = st.navigation(PAGES)
with messages.errors_as_text():
    page.run()
layout.end()
