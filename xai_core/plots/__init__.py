"""Figures: functions of data that return Plotly or PIL objects, or SVG."""
