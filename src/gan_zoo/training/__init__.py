"""Training: two step functions, and the loop that alternates them."""
