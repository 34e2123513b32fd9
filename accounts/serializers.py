"""What the APIs take and answer about people and Logins; passwords are taken byte for byte."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts import flows, mine
from accounts.logins import EndReason


class TextField(serializers.CharField):
    """Text as it was sent: not trimmed, and a number is none, though DRF would make it one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """The text itself."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class CredentialsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An address and a password."""

    email = TextField(write_only=True, max_length=254)
    password = TextField(write_only=True, max_length=4096, style={"input_type": "password"})


class MeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Who the request speaks for, and what carries it."""

    id = serializers.UUIDField(read_only=True, help_text="The person; `sub` of their tokens.")
    email = serializers.EmailField(read_only=True)
    flow = serializers.CharField(read_only=True, help_text="session or token")
    login = serializers.UUIDField(
        read_only=True, help_text="The login that the request carries; `sid` of its tokens."
    )
    is_staff = serializers.BooleanField(read_only=True)
    authenticated_at = serializers.DateTimeField(read_only=True)


class LoginSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One login of the person who asks: an `Entry` of accounts.mine."""

    id = serializers.UUIDField(source="login.id", read_only=True)
    flow = serializers.CharField(source="login.flow", read_only=True)
    device = serializers.CharField(source="login.device", read_only=True)
    address = serializers.IPAddressField(source="login.address", read_only=True, allow_null=True)
    place = serializers.CharField(
        read_only=True, allow_null=True, help_text="Where the address is, if the service knows; often wrong."
    )
    started_at = serializers.DateTimeField(source="login.started_at", read_only=True)
    seen_at = serializers.DateTimeField(source="login.seen_at", read_only=True)
    expires_at = serializers.DateTimeField(source="login.expires_at", read_only=True)
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True)
    end_reason = serializers.ChoiceField(read_only=True, choices=EndReason.choices, allow_blank=True)
    current = serializers.BooleanField(read_only=True, help_text="Whether this request is carried by it.")


class LoginsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One page of logins, newest first."""

    next = serializers.URLField(read_only=True, allow_null=True)
    results = LoginSerializer(many=True, read_only=True)


class LoginsQuerySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which logins are wanted."""

    state = serializers.ChoiceField(choices=("live", "ended", "all"), default="live", required=False)
    flow = serializers.CharField(required=False, max_length=20)
    before = serializers.CharField(
        required=False, max_length=60, help_text="Where the page before ended; `next` brings it along."
    )

    def validate_flow(self, flow: str) -> str:
        """Only a flow that is installed."""
        if flows.get(flow) is None:
            raise serializers.ValidationError(_("There is no such flow."), code="invalid_choice")
        return flow

    def validate_before(self, before: str) -> mine.Position:
        """A place in the list, as `next` names them."""
        position = mine.Position.read(before)
        if position is None:
            raise serializers.ValidationError(_("This is no place in this list."))
        return position


class ReceiptSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """How many processes know of an end, and after how long."""

    ended = serializers.IntegerField(read_only=True, help_text="So many logins have ended.")
    known = serializers.IntegerField(read_only=True, help_text="So many processes refuse them.")
    processes = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Of so many; null where nobody can tell (`bound_seconds`)."
    )
    slowest_ms = serializers.FloatField(
        read_only=True, allow_null=True, help_text="When the last of them had said so; null without a figure."
    )
    silent = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        allow_null=True,
        help_text="Who has not answered yet; null for whoever may not end the logins of others.",
    )
    bound_seconds = serializers.FloatField(
        read_only=True, help_text="In any case all know within this time; 0: at their next request."
    )
    at_most_seconds = serializers.FloatField(read_only=True, help_text="The same, whatever fails.")
    settled = serializers.BooleanField(read_only=True, help_text="Nothing more will come.")
    text = serializers.CharField(read_only=True, help_text="Who knows, in words.")
    receipt = serializers.CharField(read_only=True, help_text="Where to ask again, within two minutes.")


class EndedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """How many logins an act has ended."""

    ended = serializers.IntegerField(read_only=True)


class NotMeSerializer(EndedSerializer):
    """What has become of an account whose owner saw a stranger in it."""

    mailed = serializers.BooleanField(
        read_only=True,
        help_text="Whether a link for a new password is on its way; not when too many were asked for lately.",
    )
