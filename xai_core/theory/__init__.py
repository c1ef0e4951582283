"""What the report derives, as functions that measure it on a model or on points."""
