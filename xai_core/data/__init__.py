"""What comes in: data sets and images."""
