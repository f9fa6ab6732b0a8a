"""The reasons that refusals of the OAuth routes give beside `error`. Front ends translate by them.

docs/api.md has them in a table; a test compares it with this one.
"""

from lingpai.kernel.errors import LingpaiError

# By the value of `error`. A reason that is not listed is not sent, so that a new one tells nothing by accident.
# Unknown and wrong share one reason: `bad_client`, `bad_credentials`, `bad_code`, `bad_refresh_token`.
REASONS: dict[str, frozenset[str]] = {
    "invalid_request": frozenset(
        {
            "bad_mobile",
            "bad_parameter",
            "bad_redirect_uri",
            "body_too_large",
            "challenge_required",
            "control_character",
            "country_not_served",
            "credentials_in_query",
            "duplicate_parameter",
            "malformed_body",
            "missing_parameter",
            "prefix_not_served",
            "too_long",
            "wrong_method",
            "wrong_type",
        }
    ),
    "invalid_client": frozenset({"bad_client", "clients_disagree", "unreadable_basic"}),
    "invalid_grant": frozenset(
        {
            "account_disabled",
            "bad_authorization_code",
            "bad_code",
            "bad_credentials",
            "bad_id_token",
            "bad_nonce",
            "bad_refresh_token",
            "bad_sign",
            "id_token_expired",
            "id_token_foreign",
            "id_token_used",
            "registration_closed",
            "sign_blocked",
            "sign_unknown",
            "sign_used",
            "token_of_another_client",
        }
    ),
    "unauthorized_client": frozenset({"grant_not_allowed"}),
    "unsupported_grant_type": frozenset({"unknown_grant"}),
    "unsupported_response_type": frozenset({"response_type_not_supported"}),
    "request_not_supported": frozenset({"request_not_supported"}),
    "registration_not_supported": frozenset({"registration_not_supported"}),
    "unsupported_token_type": frozenset({"temporary_token"}),
    "invalid_scope": frozenset({"bad_scope"}),
    "invalid_target": frozenset({"bad_resource"}),
    "too_many_requests": frozenset(
        {"limit_reached", "provider_busy", "refreshed_too_often", "slow_down", "too_many_tries"}
    ),
    "temporarily_unavailable": frozenset(
        {"no_signing_key", "passwords_unchecked", "provider_unavailable", "store_unavailable"}
    ),
}


def reason_field(error: LingpaiError) -> dict[str, str]:
    """The field `reason` of a refusal; empty for a reason that is not listed."""
    return {"reason": error.reason} if error.reason in REASONS.get(error.code, ()) else {}
