"""The Reconstructions page: what the model keeps and loses."""
