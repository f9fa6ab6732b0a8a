"""What happens in a deployment, counted for each day."""
