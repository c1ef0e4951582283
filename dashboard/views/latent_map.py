"""latent_map: not drawn yet."""

from dashboard.components import layout

layout.page("Latent map", "This page comes next.")
