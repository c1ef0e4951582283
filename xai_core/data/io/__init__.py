"""Read untrusted files: arrays, image files, folders."""
