"""Answers say which process they are from."""

from __future__ import annotations

import os
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "X-Process"


def named(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """The middleware that does so."""

    def say(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        answer.headers[HEADER] = str(os.getpid())
        return answer

    return say
