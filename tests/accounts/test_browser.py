"""What a browser tells by itself; how the flows use it is tested with them."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from accounts import browser

pytestmark = pytest.mark.nodb


@pytest.mark.parametrize(
    ("header", "twice"),
    [("a=1", False), ("a=1; a=2", True), ("a=1;a=1", True), ("a=1; A=1; aa=1; b=a", False), ("a; a=1", True)],
)
def test_a_cookie_counts_by_its_exact_name(header: str, twice: bool) -> None:
    request = RequestFactory().get("/", headers={"Cookie": header})

    assert browser.comes_twice(request, "a") is twice


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "from the future", "Origin": "https://evil.example"}, False),
        ({"Origin": "http://testserver"}, True),
        ({"Origin": "null"}, False),
    ],
    ids=str,
)
def test_a_change_that_another_site_has_caused_meets_an_objection(said: dict[str, str], passes: bool) -> None:
    request = RequestFactory().post("/", headers=said)

    assert (browser.objection(request) is None) is passes
