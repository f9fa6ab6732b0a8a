"""The apps' tokens on DynamoDB, in the table of codes."""

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action as Change

from lingpai.aws.dynamodb.attributes import Integer, Item, Record
from lingpai.aws.dynamodb.reading import read_bytes, read_number
from lingpai.aws.dynamodb.tables import DynamoTables, Refused
from lingpai.aws.dynamodb.write_ids import WriteId
from lingpai.identity_providers.model import AppToken

# Seconds that an item without a token is kept.
_CLAIM_KEPT = 3600


class AppTokenItem(Record):
    """A token. `number` is the key of the table, which it shares with the codes that are sent to numbers."""

    number = UnicodeAttribute(hash_key=True)
    sealed = BinaryAttribute(legacy_encoding=False, null=True)
    expires_at = Integer(null=True)
    claim = BinaryAttribute(legacy_encoding=False, null=True)
    claimed_until = Integer(null=True)
    ttl = Integer()


def _key(app: str) -> Item:
    return {"number": {"S": f"app-token:{app}"}}


class DynamoAppTokens(DynamoTables):
    """`AppTokens` on DynamoDB. Each method is one call."""

    def get_app_token(self, app: str) -> AppToken:
        """See `AppTokens`."""
        item = self.get(self.settings.codes_table, _key(app)) or {}
        return AppToken(
            app,
            read_bytes(item, "sealed") or b"",
            read_number(item, "expires_at"),
            read_number(item, "claimed_until"),
        )

    def claim_app_token(self, seen: AppToken, claim: bytes, now: int, until: int) -> bool:
        """See `AppTokens`."""
        item = AppTokenItem
        same = item.sealed == seen.sealed if seen.sealed else item.sealed.does_not_exist()
        free = item.claimed_until.does_not_exist() | (item.claimed_until <= now)
        changes = (item.claim.set(claim), item.claimed_until.set(until), item.ttl.set(until + _CLAIM_KEPT))
        return self._update_token(seen.app, same & free, *changes)

    def put_app_token(self, token: AppToken, claim: bytes) -> bool:
        """See `AppTokens`."""
        item = AppTokenItem
        return self._update_token(
            token.app,
            item.claim == claim,
            item.sealed.set(token.sealed),
            item.expires_at.set(token.expires_at),
            item.claim.remove(),
            item.claimed_until.remove(),
            item.ttl.set(token.expires_at),
        )

    def release_app_token(self, app: str, claim: bytes) -> None:
        """See `AppTokens`."""
        item = AppTokenItem
        self._update_token(app, item.claim == claim, item.claim.remove(), item.claimed_until.remove())

    def _update_token(self, app: str, condition: Condition, *changes: Change) -> bool:
        """Update the app's item; False where the condition does not hold."""
        try:
            self.update_once(self.settings.codes_table, _key(app), WriteId.new(), condition, *changes)
        except Refused:
            return False
        return True
