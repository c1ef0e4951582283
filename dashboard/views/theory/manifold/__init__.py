"""The Theory page on counterfactuals along the decoder's manifold."""
