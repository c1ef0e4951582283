"""The page on which a user draws or uploads an image, and sees what the model says about it."""
