"""Which pixels matter: attribution methods, their baselines, and means over groups."""
