"""Figures: their description, and the one place that draws it, into files and into the HTML page."""
