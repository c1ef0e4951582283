"""clusters: not drawn yet."""

from dashboard.components import layout

layout.page("Clusters", "This page comes next.")
