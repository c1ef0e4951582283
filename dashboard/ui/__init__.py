"""What pages share: names, charts, downloads, messages, links to the next pages."""
