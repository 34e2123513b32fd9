"""What the session endpoint answers."""

from __future__ import annotations

from rest_framework import serializers

from accounts.serializers import MeSerializer


class SessionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Whether somebody is signed in, and the X-CSRFToken that a script's next POST or DELETE must send."""

    authenticated = serializers.BooleanField(read_only=True)
    csrf_token = serializers.CharField(read_only=True)
    me = MeSerializer(read_only=True, allow_null=True)
