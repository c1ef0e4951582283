"""The Theory page on the evidence lower bound."""
