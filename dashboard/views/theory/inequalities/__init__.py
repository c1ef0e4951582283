"""The Theory page on inequalities: Jensen, entropy, divergence."""
