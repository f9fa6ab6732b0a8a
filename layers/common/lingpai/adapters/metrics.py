"""Where counts of what happens go."""


class NoMeter:
    """Counts nothing: for a machine whose operator watches no metrics."""

    def count(self, name: str, **dimensions: str) -> None:
        """See `ports.Meter`."""
