"""What the fields of a record must be: ids, texts, titles and grades, checked with their place."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from benchharness.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_GRADE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?", re.ASCII)
_LARGEST_GRADE = 2**31 - 1

DOC_ID_NAMES = ("_id", "id", "doc_id", "docid", "corpus-id", "corpus_id", "docno")
QUERY_ID_NAMES = ("_id", "id", "query_id", "query-id", "qid")


def json_record(line: str, where: str) -> dict[str, Any]:
    """The JSON object that a line holds; raises DataError where it is anything else."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"not valid JSON: {error.msg} at column {error.colno}",
            where=where,
            remedy="each line must be one JSON object",
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"not usable JSON: {error}", where=where) from error
    if not isinstance(record, dict):
        raise DataError(
            f"the line holds a {_kind(record)}, not an object",
            where=where,
            remedy='each line must be an object such as {"_id": "d1", "text": "..."}',
        )
    return record


def identifier(value: object, name: str, where: str) -> str:
    """An id as a string (whole numbers are converted); raises DataError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise DataError(
            f"{name!r} is a {_kind(value)}, not a string", where=where, remedy="ids are strings"
        )
    if not value:
        raise DataError(f"{name!r} is empty", where=where, remedy="give every record an id")
    return whole_characters(value, name, where)


def identifier_of(record: Mapping[str, Any], names: Iterable[str], where: str) -> str:
    """The id that a record holds under the first of `names` that it has."""
    names = tuple(names)
    for name in names:
        if name in record:
            return identifier(record[name], name, where)
    missing = repr(names[0]) + (f" (nor {', '.join(names[1:])})" if len(names) > 1 else "")
    raise DataError(
        f"the record has no {missing}; its fields are {_listed(record)}",
        where=where,
        remedy=f"give every record a {names[0]!r}",
    )


def text_of(record: Mapping[str, Any], where: str, name: str = "text") -> str:
    """The text of a record, as it stands; raises DataError where it is missing or no string."""
    if name not in record:
        raise DataError(
            f"the record has no {name!r}; its fields are {_listed(record)}",
            where=where,
            remedy=f"give every record a {name!r}, which may be empty",
        )
    value = record[name]
    if not isinstance(value, str):
        raise DataError(
            f"{name!r} is a {_kind(value)}, not a string",
            where=where,
            remedy=f"write {name!r} as one string",
        )
    return whole_characters(value, name, where)


def document_text_of(record: Mapping[str, Any], where: str) -> str:
    """title + " " + text of a record, stripped; the title may be missing or null."""
    text = text_of(record, where)
    if record.get("title") is None:
        return text.strip()
    return with_title(text_of(record, where, "title"), text)


def with_title(title: str, text: str) -> str:
    """The one text template of benchharness: title + " " + text, stripped."""
    return f"{title} {text}".strip()


def whole_characters(value: str, name: str, where: str) -> str:
    """`value` itself; raises DataError where it holds half of a surrogate pair of Unicode."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{name!r} holds half of a surrogate pair (\\u{ord(value[error.start]):04x}), "
                "which is not a character",
                where=where,
                remedy="write the text as valid UTF-8",
            ) from error
    return value


def grade(value: object, where: str) -> int:
    """A judged relevance as a whole number: 1, "1" and "1.0" are 1.

    Raises DataError for fractions and for what is no number.
    """
    spelled = str(value).strip()
    match = _GRADE.fullmatch(spelled) if not isinstance(value, bool) else None
    if match is None:
        raise DataError(
            f"relevance {spelled!r} is not a whole number",
            where=where,
            remedy="use grades such as 0, 1, 2; scale or round fractions yourself",
        )
    digits = match.group(1)
    if len(digits) > 11 or abs(int(digits)) > _LARGEST_GRADE:
        raise DataError(
            f"relevance {spelled!r} is too large", where=where, remedy="use small whole numbers"
        )
    return int(digits)


def _kind(value: object) -> str:
    names = {
        bool: "true or false",
        int: "number",
        float: "number",
        str: "string",
        list: "list",
        dict: "object",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)


def _listed(record: Mapping[str, Any]) -> str:
    names = sorted(str(name) for name in record)
    if not names:
        return "none"
    return ", ".join(ascii(name) for name in names[:8]) + (", …" if len(names) > 8 else "")
