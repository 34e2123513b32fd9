"""What the token endpoints take and answer; passwords are taken byte for byte."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.serializers import CredentialsSerializer, TextField

__all__ = [
    "AccessSerializer",
    "AgainSerializer",
    "CalledTokenSerializer",
    "CookieSerializer",
    "ExchangeSerializer",
    "ExchangedSerializer",
    "IntrospectedSerializer",
    "PairSerializer",
    "RefreshSerializer",
    "SignInSerializer",
    "TokenSerializer",
]


class SignInSerializer(CredentialsSerializer):
    """An address, a password, and how the refresh token is to come."""

    transport = serializers.ChoiceField(
        choices=("body", "cookie"),
        default="body",
        help_text="Where the refresh token is put: into the answer's body or, for browsers, into a cookie.",
    )


class PairSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A pair of tokens."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(required=False, help_text="Left out where the cookie carries it.")
    token_type = serializers.CharField(read_only=True)
    expires_in = serializers.IntegerField(read_only=True, help_text="Seconds that the access token lives.")


class AgainSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The password of whoever the access token speaks for."""

    password = TextField(write_only=True, max_length=4096, style={"input_type": "password"})


class AccessSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An access token; the refresh token stays what it is."""

    access = serializers.CharField(read_only=True)
    token_type = serializers.CharField(read_only=True)
    expires_in = serializers.IntegerField(read_only=True, help_text="Seconds that the access token lives.")


class RefreshSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A refresh token; none where a cookie carries it."""

    refresh = serializers.CharField(write_only=True, required=False, max_length=4096, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Required all the same once this is asked: a request with a cookie never comes here."""
        if "refresh" not in attrs:
            missing = self.fields["refresh"].error_messages["required"]
            raise serializers.ValidationError({"refresh": [missing]}, code="required")
        return attrs


class CookieSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a page may know of the refresh cookie, and what it needs to use it."""

    present = serializers.BooleanField(
        read_only=True, help_text="Whether the cookie came; not whether it is good."
    )
    csrf_token = serializers.CharField(read_only=True, help_text="To be sent as X-CSRFToken.")


class TokenSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A token of either kind."""

    token = serializers.CharField(write_only=True, max_length=4096, trim_whitespace=False)
    token_type_hint = serializers.CharField(write_only=True, required=False, max_length=64)


class Parameter(serializers.CharField):
    """A parameter of OAuth that may be left out; an empty one counts as left out (RFC 6749 section 3.2)."""

    def __init__(self, *, max_length: int = 200, **options: Any) -> None:
        super().__init__(
            write_only=True,
            required=False,
            allow_blank=True,
            default="",
            max_length=max_length,
            trim_whitespace=False,
            **options,
        )


class CalledTokenSerializer(TokenSerializer):
    """A token, and who asks."""

    client_id = Parameter(help_text="With client_secret, in place of the Authorization header.")
    client_secret = Parameter(style={"input_type": "password"})


class ExchangeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What is exchanged, and for what (RFC 8693 section 2.1)."""

    grant_type = serializers.CharField(
        write_only=True, max_length=200, help_text="urn:ietf:params:oauth:grant-type:token-exchange"
    )
    audience = serializers.CharField(
        write_only=True, max_length=200, help_text="For whom the token is to be."
    )
    scope = Parameter(
        max_length=1000, help_text="What it is to be good for, blanks between; else all that may be had."
    )
    subject_token = Parameter(
        max_length=4096, help_text="A person's access token; a page of this site sends none."
    )
    subject_token_type = Parameter(
        help_text="urn:ietf:params:oauth:token-type:access_token, where there is a subject_token."
    )
    requested_token_type = Parameter(help_text="urn:ietf:params:oauth:token-type:access_token, or none.")
    client_id = Parameter(help_text="With client_secret, in place of the Authorization header.")
    client_secret = Parameter(style={"input_type": "password"})


class ExchangedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The token that came out (RFC 8693 section 2.2.1); there is no refresh token, it is asked for again."""

    access_token = serializers.CharField(read_only=True)
    issued_token_type = serializers.CharField(read_only=True)
    token_type = serializers.CharField(read_only=True)
    expires_in = serializers.IntegerField(read_only=True, help_text="Seconds that it lives.")
    scope = serializers.CharField(read_only=True, required=False)


class IntrospectedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a client learns of a token (RFC 7662 section 2.2); of one that is not good, `active` alone."""

    active = serializers.BooleanField(read_only=True)
    iss = serializers.CharField(read_only=True, required=False)
    sub = serializers.UUIDField(read_only=True, required=False, help_text="The person.")
    aud = serializers.CharField(read_only=True, required=False)
    client_id = serializers.CharField(read_only=True, required=False, help_text="Who asked for the token.")
    scope = serializers.CharField(read_only=True, required=False)
    act = serializers.DictField(read_only=True, required=False, help_text="Who acts for the person.")
    exp = serializers.IntegerField(read_only=True, required=False)
    iat = serializers.IntegerField(read_only=True, required=False)
    auth_time = serializers.IntegerField(read_only=True, required=False)
    jti = serializers.CharField(read_only=True, required=False)
    sid = serializers.UUIDField(read_only=True, required=False, help_text="The login that carries it.")
    token_type = serializers.CharField(read_only=True, required=False)
