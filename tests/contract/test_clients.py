"""The port Clients: records put by the operator, read whole by the functions."""

from tests.support.samples import WholeStore, a_client


def test_a_record_comes_back_whole(store: WholeStore) -> None:
    bare = a_client(
        id="bare",
        grants=frozenset(),
        scopes=(),
        secret_hash=None,
        token_format="opaque",
        roles=frozenset(),
        sign_provider=None,
        sign_app="default",
    )
    disabled = a_client(id="客户 ☎", disabled=True)
    clients = (a_client(), bare, disabled)
    for client in clients:
        store.put_client(client)
    assert tuple(store.get_client(client.id) for client in clients) == clients
    assert store.get_client("Web") is None


def test_a_record_replaces_the_one_before_it(store: WholeStore) -> None:
    store.put_client(a_client(disabled=True))
    after = a_client(secret_hash=None, sign_provider=None, scopes=("other",))
    store.put_client(after)
    assert store.get_client("web") == after


def test_an_id_of_any_length_finds_nothing(store: WholeStore) -> None:
    """Whatever a request names as its client: the answer is None, not an error of the table."""
    for client_id in ("", "nobody", "x" * 2048, "x" * 2049, "龍" * 700):
        assert store.get_client(client_id) is None
