"""The three examples of own models, each about thirty lines, in the words of a user."""
