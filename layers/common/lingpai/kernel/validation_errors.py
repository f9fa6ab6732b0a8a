"""pydantic's validation errors in plain words, for settings, seed files and the operator's command.

In: an entry of `pydantic.ValidationError.errors()`. Out: a text that follows the value's name, as in `PORT: is empty`.
"""

from collections.abc import Mapping
from typing import Any

_TEXTS = {
    "missing": "is missing",
    "extra_forbidden": "is no field of it",
    "string_type": "is not text",
    "string_too_long": "has more than {max_length} characters",
    "string_pattern_mismatch": "does not have the form {pattern}",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is not a whole number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "finite_number": "is not a number",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "tuple_type": "is not a list",
    "list_type": "is not a list",
    "dict_type": "is not an object",
    "model_type": "is not an object",
    "model_attributes_type": "is not an object",
    "string_too_short": "has fewer than {min_length} characters",
    "too_short": "has fewer than {min_length} entries",
    "value_error": "{error}",
}


def error_text(problem: Mapping[str, Any]) -> str:
    """Return what is wrong with the value; "cannot be used" if the kind of error is not listed here."""
    context = problem.get("ctx", {})
    if context.get("min_length") == 1:
        return "is empty"
    return _TEXTS.get(problem["type"], "cannot be used").format_map(context)
