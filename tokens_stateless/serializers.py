"""What the token endpoints take and answer; passwords are taken byte for byte."""

from __future__ import annotations

from rest_framework import serializers

from accounts.serializers import CredentialsSerializer

__all__ = ["CredentialsSerializer", "PairSerializer", "RefreshSerializer", "TokenSerializer"]


class PairSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A pair of tokens."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)
    token_type = serializers.CharField(read_only=True)
    expires_in = serializers.IntegerField(read_only=True, help_text="Seconds that the access token lives.")


class RefreshSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A refresh token."""

    refresh = serializers.CharField(write_only=True, max_length=4096, trim_whitespace=False)


class TokenSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A token of either kind."""

    token = serializers.CharField(write_only=True, max_length=4096, trim_whitespace=False)
    token_type_hint = serializers.CharField(write_only=True, required=False, max_length=64)
