"""How passwords are hashed, and which ones are refused: the short, the endless, the first to be guessed.

A password is compared byte for byte as it was received, so nothing here changes it; only the blocklist
folds case, on a copy.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import blocklist, conf

_WORDS = re.compile(r"[^\W_]+")


class Argon2Hasher(Argon2PasswordHasher):
    """argon2id with OWASP's second choice of costs: 2 passes, 19 MiB, 1 lane (about 20 ms of one core).

    Hashes with other costs are accepted and replaced at the next sign-in, as Django does for every hasher.
    """

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1


class LengthValidator:
    """At least `password_min_length` code points, at most `password_max_bytes` bytes, and valid text.

    15 characters are what NIST SP 800-63B-4 section 3.1.1.2 asks where the password is the only factor
    (ASVS 6.2.1); the cap keeps a long one from being a way to slow the server down (ASVS 6.2.9). There
    are no rules of composition (ASVS 6.2.5).
    """

    def validate(self, password: str, user: object = None) -> None:
        """Raise ValidationError with the reason; its text never contains the password."""
        most, least = conf.current().password_max_bytes, conf.current().password_min_length
        if "\0" in password:
            raise ValidationError(_("The password contains a NUL character."), code="password_has_nul")
        try:
            size = len(password.encode())
        except UnicodeEncodeError:
            size = None
        # U+FFFD is what a form puts in the place of bytes that are no text, whichever they were.
        if size is None or "\ufffd" in password:
            # Outside of the except block, because that error carries the password along.
            raise ValidationError(_("The password is not valid Unicode text."), code="password_not_text")
        if size > most:
            message = _("This password is too long: %(most)d bytes are the most.")
            raise ValidationError(message, code="password_too_long", params={"most": most})
        if len(password) < least:
            raise ValidationError(
                ngettext(
                    "This password is too short: %(least)d character is the least.",
                    "This password is too short: %(least)d characters are the least.",
                    least,
                ),
                code="password_too_short",
                params={"least": least},
            )

    def get_help_text(self) -> str:
        """The rule in one sentence, for a form."""
        least = conf.current().password_min_length
        return ngettext(
            "At least %(least)d character. A few words that only you would put together are easy to keep.",
            "At least %(least)d characters. A few words that only you would put together are easy to keep.",
            least,
        ) % {"least": least}


class BlocklistValidator:
    """Refuses what is guessed first among passwords of 15 characters (NIST SP 800-63B-4 3.1.1.2, ASVS 6.2.4).

    Lists of common passwords hold hardly any that long, but people make long ones out of the short. So a
    password is refused when the whole of it is a common password, keys in a row or a word of the context
    (the site's name, the person's address), or a mixture of two of them; repeated or not, in any case,
    with up to four digits or signs at either end and one kind of separator. A part of a password is never
    held against it. Costs under 5 ms.
    """

    def validate(self, password: str, user: object = None) -> None:
        """Raise ValidationError with the reason; its text never contains the password."""
        if len(password) > conf.current().password_max_bytes:
            return  # LengthValidator refuses it, but Django asks every validator all the same.
        context = _context(user)
        words = blocklist.spelling(password, context=context)
        if not words:
            return
        if words.isdisjoint(context):
            message = _(
                "This password is easy to guess: it repeats or combines common passwords or keys in a row."
            )
            raise ValidationError(message, code="password_too_common")
        message = _("This password is easy to guess: it is made of your address or of this site's name.")
        raise ValidationError(message, code="password_too_similar")

    def get_help_text(self) -> str:
        """The rule in one sentence, for a form."""
        return str(
            _("Not a common password, keys in a row, your address or this site's name, even repeated.")
        )


def _context(user: object) -> frozenset[str]:
    """The words that an attacker would try here first: of the site, and of the person's address."""
    email = str(getattr(user, "email", None) or "")[: blocklist.LONGEST_MIX]
    host = urlsplit(conf.current().public_origin).hostname or ""
    texts = [text.casefold() for text in (conf.current().site_name, host, email)]
    words = {word for text in texts for word in (text, *text.split("@"), *_WORDS.findall(text))}
    return frozenset(word for word in words if len(word) >= blocklist.SHORTEST_WORD)
