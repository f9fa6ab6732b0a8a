"""The console: pages for admins, in Chinese and English."""
