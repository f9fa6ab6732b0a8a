"""Write the list of passwords that nobody may choose, from the frequency list that zxcvbn ships.

uv run --with zxcvbn==4.5.0 tools/common_passwords.py > layers/common/lingpai/common_passwords.txt
"""

import unicodedata

from zxcvbn.frequency_lists import FREQUENCY_LISTS

# Shorter ones are refused for their length, whatever PASSWORD_MIN_LENGTH a deployment may reasonably set.
SHORTEST = 8

print("# The commonest passwords of eight characters and more, commonest first: the frequency list of zxcvbn")
print("# (MIT licence, Copyright Dropbox, Inc.), written by tools/common_passwords.py.")
for password in dict.fromkeys(unicodedata.normalize("NFKC", p).casefold() for p in FREQUENCY_LISTS["passwords"]):
    if len(password) >= SHORTEST:
        print(password)
