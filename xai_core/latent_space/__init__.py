"""Where images lie: encoding, the two-dimensional map, neighbours, interpolation."""
