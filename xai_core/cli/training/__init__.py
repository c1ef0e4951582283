"""The commands that train: one model, many, or those that the theory pages replay."""
