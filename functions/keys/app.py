"""The keys that sign tokens: made, rotated and taken away by a schedule."""

from lingpai.signing_keys.schedule import tend_keys

handler = tend_keys
