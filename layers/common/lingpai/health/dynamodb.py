"""What DynamoDB says of its tables."""

from typing import Any

from lingpai.aws.dynamodb.tables import DynamoTables, Undescribed
from lingpai.health.storage import TableDescription, TableRefused

_DENIED = {"AccessDenied", "AccessDeniedException"}
_ABSENT = {"ResourceNotFoundException", "TableNotFoundException"}


class DynamoHealth(DynamoTables):
    """`Tables` on DynamoDB."""

    def ping(self) -> None:
        """See `Tables`."""
        try:
            self._describe("DescribeTable", self.settings.counters_table)
        except TableRefused as refused:
            if not (refused.is_denied or refused.is_absent):
                raise

    def describe_table(self, table: str) -> TableDescription:
        """See `Tables`."""
        found = self._describe("DescribeTable", table).get("Table", {})
        types = {entry["AttributeName"]: entry["AttributeType"] for entry in found.get("AttributeDefinitions", ())}
        key = [
            (part["KeyType"], part["AttributeName"], types.get(part["AttributeName"], ""))
            for part in found.get("KeySchema", ())
        ]
        return TableDescription(tuple(key), found.get("TableStatus", "ACTIVE"))

    def expires_by(self, table: str) -> str | None:
        """See `Tables`."""
        found = self._describe("DescribeTimeToLive", table).get("TimeToLiveDescription", {})
        return found.get("AttributeName") if found.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} else None

    def is_recoverable(self, table: str) -> bool:
        """See `Tables`."""
        found = self._describe("DescribeContinuousBackups", table).get("ContinuousBackupsDescription", {})
        recovery = found.get("PointInTimeRecoveryDescription", {})
        is_on: bool = recovery.get("PointInTimeRecoveryStatus") == "ENABLED"
        return is_on

    def _describe(self, operation: str, table: str) -> dict[str, Any]:
        try:
            return self.describe(operation, table)
        except Undescribed as error:
            is_absent, is_denied = error.code in _ABSENT, error.code in _DENIED
            raise TableRefused(error.code, error.message, is_absent=is_absent, is_denied=is_denied) from error
