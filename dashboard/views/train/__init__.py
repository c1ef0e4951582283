"""The Train page: start a training, watch it, compare runs."""
