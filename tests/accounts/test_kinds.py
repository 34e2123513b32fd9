"""The words for a device tell which picture stands beside them."""

from __future__ import annotations

import pytest
from django.template.loader import get_template

from accounts import device, kinds
from tests.accounts.rows import a_request

pytestmark = pytest.mark.nodb

APPLE = "like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0"


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 {APPLE}", "phone"),
        (f"Mozilla/5.0 (iPad; CPU OS 17_4 {APPLE}", "tablet"),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Mobile Safari/537.36", "phone"),
        (f"Mozilla/5.0 (Linux; Android 14; SM-X710) {CHROME} Safari/537.36", "tablet"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "desktop"),
        ("Mozilla/5.0 (Windows NT 10.0)", "desktop"),
        ("curl/8.5.0", "program"),
        ("python-requests/2.31", "program"),
        ("Wget/1.21 (linux-gnu)", "program"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "program"),
        ("", "unknown"),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 Version/6.0 TV Safari/538.1", "unknown"),
    ],
)
def test_the_words_of_a_device_tell_its_kind(agent: str, kind: str) -> None:
    assert kinds.of(device.name(a_request(agent=agent))) == kind


@pytest.mark.parametrize("words", ["", " on ", "on", "a on b on c", "x" * 80, "\x00"])
def test_any_words_have_a_kind(words: str) -> None:
    assert kinds.of(words) in kinds.KINDS


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_each_kind_has_a_picture_that_says_nothing_to_a_screen_reader(kind: str) -> None:
    picture = get_template(f"icons/device_{kind}.html").render()

    assert 'aria-hidden="true"' in picture
    assert "style" not in picture
