"""Figures of clusters: the table, the confusion matrix, the film strip."""
