"""The Theory page on mean-field variational inference."""
