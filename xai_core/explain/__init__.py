"""What is asked of a trained model."""
