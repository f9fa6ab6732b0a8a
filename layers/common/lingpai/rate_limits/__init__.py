"""Rate limits, counted in the store before they are answered."""
