"""Second factors: authenticator apps (TOTP, RFC 6238), and the recovery codes that stand in for a lost one."""
