"""Shared parts of the pages: names, charts, downloads, messages, links to other pages."""
