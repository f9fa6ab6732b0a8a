"""Third parties who say who somebody is, one module each."""
