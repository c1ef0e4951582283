"""One module per stage of training, and the sequence of them."""
