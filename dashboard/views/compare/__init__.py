"""The Compare page: two models on the same images."""
