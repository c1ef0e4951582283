"""Data sets and images: reading, labels, preprocessing, augmentation."""
