"""The Theory page that leads from the source documents to the pages."""
