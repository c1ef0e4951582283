"""The interactive latent map: its component, its files, its legend."""
