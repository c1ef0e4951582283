"""The Home page: the map, the model card, where to go next."""
