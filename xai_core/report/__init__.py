"""One image's report and one bundle's card, as text and HTML."""
