"""The Theory page on the two factorisations of q(z, c|x)."""
