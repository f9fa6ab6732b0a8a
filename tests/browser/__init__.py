"""The hosted pages in a real browser: Debian's Chromium, driven by Playwright (`make e2e-browser`)."""
