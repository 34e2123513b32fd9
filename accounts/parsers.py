"""Bodies of the API, read as strictly as tokens are, so that a proxy and we never differ about one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, JSONParser

from accounts import strict_json


class StrictJSONParser(JSONParser):
    """DRF parser of one JSON object in UTF-8.

    ParseError (400, `parse_error`) for what `strict_json` refuses and for a top level that is none of
    `top_level`; a view that takes lists names a subclass with another one. To a JSONParser DRF hands the body
    as Django read it: over DATA_UPLOAD_MAX_MEMORY_SIZE that is RequestDataTooBig (413).
    """

    top_level: tuple[type, ...] = (dict,)

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """What the body says. A charset in Content-Type has no meaning for JSON (RFC 8259): it is ignored."""
        try:
            value = strict_json.loads(stream.read())
        except ValueError:
            # Without its message, which may quote the body, and with it a password.
            raise ParseError from None
        if not isinstance(value, self.top_level):
            raise ParseError
        return value


class StrictFormParser(FormParser):
    """DRF parser of a form as OAuth means it (RFC 6749, 3.1 and appendix B): UTF-8, and no name twice.

    Anything else is ParseError (400, `parse_error`); Django would replace bytes that are no UTF-8, and take
    the last of two values.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """What the form says, as a QueryDict."""
        body, limit = stream.read(), settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=limit)
        except ValueError:
            raise ParseError from None
        if len({name for name, _value in pairs}) != len(pairs):
            raise ParseError
        return QueryDict(body, encoding="utf-8")
