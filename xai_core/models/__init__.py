"""What is learned: the cluster VAE, its prior, the classifier, the critic."""
