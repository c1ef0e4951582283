"""reconstructions: not drawn yet."""

from dashboard.components import layout

layout.page("Reconstructions", "This page comes next.")
