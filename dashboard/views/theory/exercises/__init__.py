"""The Theory page with the exercise sheet, and the answers to the questions of all pages."""
