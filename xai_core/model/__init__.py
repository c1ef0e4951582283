"""What is learned: the cluster VAE, its prior, and the independent classifier."""
