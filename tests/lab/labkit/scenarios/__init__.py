"""What the clients do, one scenario per module. Each returns the ground truth of what it emitted."""
