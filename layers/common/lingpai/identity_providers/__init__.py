"""Third parties who say who somebody is."""
