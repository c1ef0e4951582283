"""What people keep: pins and tags of images, from any page."""
