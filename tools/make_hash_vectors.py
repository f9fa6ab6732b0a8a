"""Writes `tests/support/hash_vectors.json`: passwords as the systems that teams move in from hash them.

    python tools/make_hash_vectors.py

Needs Django with argon2-cffi and bcrypt in the Python that runs it, and PHP with argon2 on the path. Vectors of other
makers that the file holds, such as Spring's, which need its own encoders and a Java, stay as they are.
"""

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

PLAIN = "correct horse battery"
# Changes under NFKC (①, Ａ), and has characters of two, three and four bytes.
WIDE = "密码① Ａ🔑 passwörd"
LONG = "0123456789" * 8
PASSWORDS = {"plain": PLAIN, "wide": WIDE, "longer than 72 bytes": LONG}
# Where the length matters. (Django hands `bcrypt` the password whole, and the library takes no more than 72 bytes.)
CUT = {"bcrypt_sha256", "PASSWORD_BCRYPT"}

FILE = Path(__file__).resolve().parents[1] / "tests" / "support" / "hash_vectors.json"

PHP = """
foreach (json_decode(file_get_contents('php://stdin'), true) as [$algorithm, $options, $password])
    echo password_hash($password, constant($algorithm), $options), "\\n";
"""

Vector = dict[str, str]


def main() -> None:
    """Make what can be made here anew, and keep the rest."""
    content: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {"made_by": {}, "vectors": []}
    made_by, vectors = {}, []
    for maker, (version, made) in {"Django": of_django(), "PHP": of_php(), "bcrypt": of_bcrypt()}.items():
        made_by[maker] = version
        vectors += [{"maker": maker, **vector} for vector in made]
    content["made_by"].update(made_by)
    content["vectors"] = vectors + [vector for vector in content["vectors"] if vector["maker"] not in made_by]
    FILE.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def of_django() -> tuple[str, list[Vector]]:
    """By Django's own hashers, with their default parameters."""
    import django
    from django.conf import settings
    from django.contrib.auth import hashers

    names = {
        "pbkdf2_sha256": "PBKDF2PasswordHasher",
        "pbkdf2_sha1": "PBKDF2SHA1PasswordHasher",
        "argon2": "Argon2PasswordHasher",
        "bcrypt_sha256": "BCryptSHA256PasswordHasher",
        "bcrypt": "BCryptPasswordHasher",
        "scrypt": "ScryptPasswordHasher",
    }
    settings.configure(PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{name}" for name in names.values()])
    # With the default parameters once; the other vectors are cheap, so that the tests are.
    made = [_vector(kind, "plain", PLAIN, hashers.make_password(PLAIN, hasher=kind)) for kind in names]
    for kind, name in names.items():
        hasher = type(name, (getattr(hashers, name),), {"iterations": 1000, "rounds": 4, "memory_cost": 1024})()
        made += [
            _vector(kind, label, password, hasher.encode(password, hasher.salt()))
            for label, password in PASSWORDS.items()
            if label == "wide" or (label != "plain" and kind in CUT)
        ]
    return django.__version__, made


def of_php() -> tuple[str, list[Vector]]:
    """By PHP's `password_hash`, as Laravel calls it."""
    kinds: dict[str, tuple[str, dict[str, int]]] = {
        "bcrypt": ("PASSWORD_BCRYPT", {"cost": 12}),
        "argon2i": ("PASSWORD_ARGON2I", {"memory_cost": 65536, "time_cost": 4, "threads": 1}),
        "argon2id": ("PASSWORD_ARGON2ID", {"memory_cost": 65536, "time_cost": 4, "threads": 1}),
    }
    asked = [
        (kind, label, password)
        for kind in kinds
        for label, password in PASSWORDS.items()
        if label != "longer than 72 bytes" or kinds[kind][0] in CUT
    ]
    given = json.dumps([[kinds[kind][0], kinds[kind][1], password] for kind, _, password in asked])
    hashes = _run("php", "-r", PHP, given=given).splitlines()
    version = _run("php", "-r", "echo PHP_VERSION;")
    return version, [_vector(*what, hashed) for what, hashed in zip(asked, hashes, strict=True)]


def of_bcrypt() -> tuple[str, list[Vector]]:
    """By the library bcrypt, in the versions that it does not write itself but reads."""
    import bcrypt

    made = []
    for version in ("2a", "2b", "2y"):
        hashed = bcrypt.hashpw(PLAIN.encode(), bcrypt.gensalt(4)).decode()
        made.append(_vector(version, "plain", PLAIN, f"${version}$" + hashed.removeprefix("$2b$")))
    return f"{bcrypt.__version__} on Python {platform.python_version()}", made


def _vector(kind: str, label: str, password: str, hashed: str) -> Vector:
    return {"kind": f"{kind}, {label}", "password": password, "hash": hashed}


def _run(*command: str, given: str | None = None) -> str:
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout  # noqa: S603


if __name__ == "__main__":
    main()
