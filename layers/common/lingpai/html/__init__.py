"""What all HTML pages share: templates, texts, stylesheet, cookies, and the protection of their forms."""
