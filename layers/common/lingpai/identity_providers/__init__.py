"""Third parties that identify users: WeChat, OpenID providers, trusted clients."""
