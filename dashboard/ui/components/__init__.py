"""Widgets with their own JavaScript and CSS."""
