"""What every package may import: errors, texts, time, and values that mean the same everywhere."""
