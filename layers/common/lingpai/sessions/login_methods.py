"""How a person logged in, as `amr` values (RFC 8176 section 2): what `Session.methods` holds."""

PASSWORD = "pwd"
# A code sent to the account's mobile number.
SMS = "sms"
# A third party's word: an ID token, a WeChat code, a trusted client's openid. RFC 8176 has no value for it; "fed" is
# what Microsoft's identity platform uses.
FEDERATED = "fed"
