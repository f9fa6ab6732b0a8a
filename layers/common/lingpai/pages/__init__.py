"""The hosted pages: HTML for people, in Chinese and English."""
