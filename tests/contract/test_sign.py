"""The protocol IdentityProvider, as `trusted` has it: the value is the id itself."""

import pytest

from lingpai.clients.model import Client
from lingpai.identity_providers.model import Identity, ProviderCredential
from lingpai.identity_providers.trusted import Trusted
from lingpai.kernel.errors import LingpaiError
from tests.support.samples import a_client

TRUSTED = Trusted()


def resolve(client: Client, sign: str) -> Identity:
    return TRUSTED.resolve(client, ProviderCredential(sign))


@pytest.mark.parametrize("sign", ["o6_bmjrPTlm6_2sgVt7hMZOPfL2M", "a b", "爱:丽丝", "x" * 256], ids=len)
def test_the_value_is_the_id_in_the_app_of_the_client(sign: str) -> None:
    assert resolve(a_client(sign_app="mini"), sign) == Identity("trusted", "mini", sign)
    assert resolve(a_client(sign_app="default"), sign) == Identity("trusted", "default", sign)
    assert TRUSTED.identity(a_client(sign_app="mini"), sign) == Identity("trusted", "mini", sign)


@pytest.mark.parametrize("sign", ["x" * 257, "a\nb", "a\u200bb", "\ud800", "\x00"], ids=ascii)
def test_what_is_no_id_is_refused(sign: str) -> None:
    with pytest.raises(LingpaiError) as refused:
        resolve(a_client(), sign)
    error = refused.value
    assert (error.code, error.status, error.reason, error.values) == ("invalid_grant", 400, "bad_sign", {})


def test_a_public_client_is_not_trusted() -> None:
    """Anybody may claim to be it, and so to be anybody."""
    with pytest.raises(LingpaiError) as refused:
        resolve(a_client(secret_hash=None), "o-1")
    assert (refused.value.code, refused.value.reason) == ("unauthorized_client", "grant_not_allowed")


def test_it_proves_nothing_of_a_person() -> None:
    assert not TRUSTED.proves


@pytest.mark.parametrize("app", ["default", "a:b", "100%", "%3A"])
def test_its_apps_are_known_by_their_names(app: str) -> None:
    assert TRUSTED.app(Identity("trusted", app, "o-1").issuer) == app
    assert TRUSTED.app(Identity("wechat", app, "o-1").issuer) is None


def test_the_id_is_not_shown() -> None:
    assert repr(resolve(a_client(), "o-1")) == "Identity(provider='trusted', app='mini-program')"
    assert repr(ProviderCredential("o-1", "nonce")) == "ProviderCredential()"
    assert repr(Identity("wechat", "wx1", "o-1", "u-1")) == "Identity(provider='wechat', app='wx1')"
