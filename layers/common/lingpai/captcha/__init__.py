"""Captchas before text messages: ALTCHA, and those of Aliyun, Geetest and Cloudflare (docs/limits.md)."""
