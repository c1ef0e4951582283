"""Latent map: where every image lies, what is near it, and how far to trust that."""

import streamlit as st

from dashboard.ui.components.latent_map import component
from dashboard.ui.frame import layout
from dashboard.views.latent_map import download, panels, replay, tag_list
from dashboard.views.latent_map import marks as map_marks

HOW_TO_READ = (
    "The map is a UMAP projection of the codes, the posterior means, to two dimensions. "
    "**What lies close together on it is mostly close in latent space. Distances between "
    "separate groups, their sizes and the gaps between them mean nothing.** The axes have "
    "no unit. The names on the map stand at the middle of each group.\n\n"
    "Drag to move; scroll, pinch or use + and - to zoom; point at a point to see its "
    "image. Shift and a click, or *What is here?*, decodes any place. A click in the legend "
    "shows only that, with Ctrl that as well; the ends of a scale can be dragged. With the "
    "keyboard: arrow keys move from point to point, with Shift in longer steps, Enter "
    "selects, 0 shows all.\n\n"
    "The selected image has a thick ring, its nearest images thin ones and lines; samples "
    "have double rings; the path to another class is a line that ends in a star; a cross "
    "marks the place that was decoded."
)

bundle = layout.page("Latent map", "")
with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="rail"):
    column, shown = panels.settings(bundle)
    also, marks = map_marks.settings(bundle)
layout.claim(panels.finding(bundle), how_to_read=panels.TRUST + panels.measured(bundle))
held = panels.inside_lasso(bundle, shown)
joined = panels.nearest(bundle) if map_marks.NEIGHBOURS in also else ()

component.latent_map(bundle, column, shown=held, neighbours=joined, marks=marks)
st.caption(
    "Every image is a point; images with similar codes lie close together. Click a point to "
    "select its image, draw a lasso to see many."
)
layout.section(column.title, column.shows, HOW_TO_READ)
download.show(bundle, column, held)

map_marks.decoded_place(bundle)
panels.neighbours(bundle)
map_marks.samples(marks)
panels.lassoed(bundle, held)
tag_list.show(bundle)
replay.show(bundle)
panels.table(bundle, column, held)
