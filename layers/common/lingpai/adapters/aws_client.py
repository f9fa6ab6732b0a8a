"""How AWS is asked beside DynamoDB: a botocore client with the settings' time-outs and retries."""

from typing import TYPE_CHECKING, Any

from lingpai.adapters.roots import trust_amazon

if TYPE_CHECKING:
    from lingpai.settings import Settings


def aws_client(settings: "Settings", service: str) -> Any:
    """A new client of `service`, as botocore names it."""
    import botocore.config
    import botocore.session

    config = botocore.config.Config(
        connect_timeout=settings.store_connect_timeout,
        read_timeout=settings.store_read_timeout,
        retries={"total_max_attempts": settings.store_attempts, "mode": "standard"},
    )
    session = botocore.session.get_session()
    trust_amazon(session, settings.aws_region)
    return session.create_client(service, region_name=settings.aws_region, config=config)
