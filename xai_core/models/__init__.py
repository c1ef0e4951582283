"""Networks and distributions: the cluster VAE, its prior, the classifier, the critic."""
