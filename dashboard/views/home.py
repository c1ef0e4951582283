"""home: not drawn yet."""

from dashboard.components import layout

layout.page("Home", "This page comes next.")
