"""A bundle made of a user's own models instead of trained ones."""
