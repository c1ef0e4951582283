"""The frame of every page: title, sidebar, list of pages, previous and next image."""
