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
            "dpop_not_supported",
            "duplicate_parameter",
            "malformed_body",
            "missing_parameter",
            "number_unreachable",
            "one_step_at_a_time",
            "prefix_not_served",
            "too_long",
            "wrong_dpop_jkt",
            "wrong_method",
            "wrong_type",
        }
    ),
    "invalid_client": frozenset({"bad_client", "clients_disagree", "unreadable_basic"}),
    "invalid_grant": frozenset(
        {
            "account_closing",
            "account_disabled",
            "another_account",
            "bad_authorization_code",
            "bad_code",
            "bad_credentials",
            "bad_id_token",
            "bad_nonce",
            "bad_passkey",
            "bad_phone_code",
            "bad_refresh_token",
            "bad_second_factor",
            "bad_sign",
            "id_token_expired",
            "id_token_foreign",
            "id_token_used",
            "password_expired",
            "registration_closed",
            "second_factor_required",
            "sign_blocked",
            "sign_unknown",
            "sign_used",
            "token_of_another_client",
            "wrong_dpop_key",
        }
    ),
    "invalid_dpop_proof": frozenset({"bad_dpop_proof", "dpop_required"}),
    "use_dpop_nonce": frozenset({"use_dpop_nonce"}),
    "invalid_session": frozenset({"invalid_session"}),
    "insufficient_authorization": frozenset({"bad_captcha", "captcha_required", "factor_required"}),
    "redirect_to_web": frozenset({"new_password_needed", "no_second_factor"}),
    "access_denied": frozenset({"no_passkeys_here"}),
    "unauthorized_client": frozenset({"grant_not_allowed"}),
    "unsupported_grant_type": frozenset({"unknown_grant"}),
    "unsupported_response_type": frozenset({"response_type_not_supported"}),
    "invalid_request_uri": frozenset({"bad_request_uri"}),
    "login_required": frozenset({"login_required"}),
    "request_not_supported": frozenset({"request_not_supported"}),
    "request_uri_not_supported": frozenset({"request_uri_not_supported"}),
    "unmet_authentication_requirements": frozenset({"unmet_authentication_requirements"}),
    "registration_not_supported": frozenset({"registration_not_supported"}),
    "unsupported_token_type": frozenset({"temporary_token"}),
    "invalid_scope": frozenset({"bad_scope"}),
    "invalid_target": frozenset({"bad_resource"}),
    "too_many_requests": frozenset(
        {
            "limit_reached",
            "provider_busy",
            "refreshed_too_often",
            "resend_too_soon",
            "slow_down",
            "too_many_codes",
            "too_many_tries",
        }
    ),
    "temporarily_unavailable": frozenset(
        {
            "captcha_unavailable",
            "no_signing_key",
            "not_sent",
            "passwords_unchecked",
            "provider_unavailable",
            "store_unavailable",
        }
    ),
}


def reason_field(error: LingpaiError) -> dict[str, str]:
    """The field `reason` of a refusal; empty for a reason that is not listed."""
    return {"reason": error.reason} if error.reason in REASONS.get(error.code, ()) else {}
