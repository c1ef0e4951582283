"""Trainings as separate processes, which outlive the page, the tab and the server."""
