"""Trainings as processes of their own, which outlive the page, the tab and the server."""
