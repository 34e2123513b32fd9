"""The operators' side of the token flow: the ring of signing keys, and clients; secrets are shown once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import formats, timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from accounts import recent
from accounts.admin import ReadOnlyAdmin, StrictAdmin
from tokens_stateless import clients, keyring
from tokens_stateless.models import Client, KeyState, SigningKey

LIST = "admin:tokens_stateless_signingkey_changelist"


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    """Each key, what it is for at present and until when; rotated for all at once, revoked one by one."""

    list_display = ("state_label", "outlook", "since", "safe_to_remove", "key")
    list_display_links = ("state_label", "key")
    actions = ("revoke_selected",)
    acts_are_events = True
    fields = (
        "kid", "algorithm", "state", "outlook", "safe_to_remove", "created_at", "current_at", "previous_at",
        "revoked_at", "public",
    )  # fmt: skip
    change_list_template = "admin/tokens_stateless/signing_keys.html"

    def has_view_permission(self, request: HttpRequest, obj: SigningKey | None = None) -> bool:
        """Whoever may see keys."""
        return request.user.has_perm("tokens_stateless.view_signingkey")

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        """A right of its own."""
        return request.user.has_perm("tokens_stateless.rotate_signingkey")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Another one: it has people's tokens refused."""
        return request.user.has_perm("tokens_stateless.revoke_signingkey")

    def get_fields(self, request: HttpRequest, obj: SigningKey | None = None) -> Any:
        """Only the instants that have been."""
        return [name for name in self.fields if not name.endswith("_at") or obj is None or getattr(obj, name)]

    def get_urls(self) -> list[URLPattern]:
        """Django's, and the address of the button."""
        rotate = self.admin_site.admin_view(self.rotate)
        return [path("rotate/", rotate, name="tokens_stateless_signingkey_rotate"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's, with what there is to say about the next rotation."""
        ring = {key.state: key for key in SigningKey.objects.exclude(state=KeyState.REVOKED)}
        standby = ring.get(KeyState.STANDBY)
        context = {
            "title": _("Signing keys"),
            "may_rotate": self.has_rotate_permission(request),
            "current": ring.get(KeyState.CURRENT),
            "standby": standby,
            "is_ready": standby and standby.ready_at <= timezone.now(),
        }
        return super().changelist_view(request, {**(extra_context or {}), **context})

    @admin.display(description=_("key id"), ordering="kid")
    def key(self, key: SigningKey) -> str:
        """Its id, as it stands in the tokens."""
        return format_html('<code class="kid">{}</code>', key.kid)

    @admin.display(description=_("state"), ordering="state")
    def state_label(self, key: SigningKey) -> str:
        """Its state, to be seen at a glance."""
        return format_html('<span class="key-state key-{}">{}</span>', key.state, key.get_state_display())

    @admin.display(description=_("since"))
    def since(self, key: SigningKey) -> datetime:
        """When it came into this state."""
        return key.since_at

    @admin.display(description=_("what it does"))
    def outlook(self, key: SigningKey) -> str:
        """What it still verifies, and until when."""
        return key.outlook(_written)

    @admin.display(description=_("safe to remove"))
    def safe_to_remove(self, key: SigningKey) -> str:
        """From when on nothing needs it any more; `prune` takes it away."""
        at = key.removable_at
        if at is None:
            return str(_("no"))
        return str(_("yes") if at <= timezone.now() else _("from %(at)s on") % {"at": _written(at)})

    @method_decorator(require_POST)
    def rotate(self, request: HttpRequest) -> HttpResponse:
        """POST rotate/: the standby key signs from now on."""
        if not self.has_rotate_permission(request):
            raise PermissionDenied
        if answer := recent.ask(request, back=reverse(LIST)):
            return answer
        try:
            signing = keyring.rotate(by=request.user, request=request)  # type: ignore[arg-type]
        except keyring.StandbyTooYoung as error:
            refusal = _(
                "Not rotated. The standby key may sign from %(at)s on: until then somebody may keep an older "
                "key set, without it."
            )
            self.message_user(request, refusal % {"at": _written(error.ready_at)}, messages.ERROR)
        except keyring.CurrentNotOurs:
            refusal = _("Not rotated. The SECRET_KEY of this process does not open the current key.")
            self.message_user(request, refusal, messages.ERROR)
        else:
            self.log_change(request, signing, "Signs since a rotation.")
            self.message_user(request, _("The keys were rotated."), messages.SUCCESS)
        return redirect(LIST)

    @admin.action(description=_("Revoke selected keys…"), permissions=["revoke"])
    def revoke_selected(
        self, request: HttpRequest, queryset: models.QuerySet[SigningKey]
    ) -> HttpResponse | None:
        """Ask whether it is meant, then have them verify nothing any more."""
        chosen = {key.kid: key for key in queryset.exclude(state=KeyState.REVOKED)}
        if not chosen:
            self.message_user(request, _("What you have chosen is revoked already."), messages.WARNING)
            return None
        if answer := recent.ask(request, back=request.get_full_path()):
            return answer
        if "confirmed" not in request.POST:
            return self._confirmation(request, list(chosen.values()))
        revoked = keyring.revoke(chosen, by=request.user, request=request)  # type: ignore[arg-type]
        for kid in revoked:
            self.log_change(request, chosen[kid], "Revoked.")
        text = ngettext("%(count)d key was revoked.", "%(count)d keys were revoked.", len(revoked))
        self.message_user(request, text % {"count": len(revoked)}, messages.SUCCESS)
        return None

    def _confirmation(self, request: HttpRequest, chosen: list[SigningKey]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Revoke keys"),
            "opts": self.opts,
            "chosen": chosen,
            "states": {key.state for key in chosen},
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/tokens_stateless/revoke_keys.html", context)


@admin.register(Client)
class ClientAdmin(StrictAdmin):
    """Third parties and what they may do. A secret is on one page once, and neither stored nor logged."""

    list_display = ("name", "is_active", "client_id", "audiences", "rights")
    list_filter = ("is_active",)
    search_fields = ("name", "id")
    search_help_text = _("A part of a name or of a client id.")
    readonly_fields = ("id", "created_at", "secret_at")
    fields = ("name", "id", "audiences", "scopes", *clients.RIGHTS, "is_active", "created_at", "secret_at")
    formfield_overrides = {models.TextField: {"widget": forms.Textarea(attrs={"rows": 3, "cols": 60})}}
    actions = ("renew_selected", "switch_off_selected")
    acts_are_events = True

    def dangerous(self, request: HttpRequest, obj: Client | None = None) -> None:
        """All there is: a new one is given a secret, and the rest says what a secret opens."""

    def has_delete_permission(self, request: HttpRequest, obj: Client | None = None) -> bool:
        """Nobody: what was done in a client's name must stay its own. Switch it off."""
        return False

    @admin.display(description=_("client id"), ordering="id")
    def client_id(self, client: Client) -> str:
        """Its id, as it is sent."""
        return format_html('<code class="kid">{}</code>', client.pk)

    @admin.display(description=_("rights"))
    def rights(self, client: Client) -> str:
        """What it may do, in words."""
        return ", ".join(
            str(Client._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
            for name in clients.RIGHTS
            if getattr(client, name)
        )

    def get_fields(self, request: HttpRequest, obj: Client | None = None) -> Any:
        """Those that are known by then."""
        return [name for name in self.fields if obj or name not in self.readonly_fields]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Django's, with one button for a new one: the answer is the page with its secret."""
        if not context.get("original"):
            context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    @sensitive_variables()
    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """Write it, and tell; a new one gets its secret."""
        who: Any = request.user
        if change:
            clients.change(obj, form.changed_data, by=who, request=request)
        else:
            # For `response_add`, which Django hands nothing else.
            obj.shown_once = clients.add(obj, by=who, request=request)  # type: ignore[attr-defined]

    @sensitive_variables()
    def response_add(
        self, request: HttpRequest, obj: Client, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page with the secret, as the very answer: a redirect would have to keep it somewhere."""
        return self._secrets(request, [(obj, obj.shown_once)])  # type: ignore[attr-defined]

    @admin.action(description=_("Give a new secret…"), permissions=["change"])
    @sensitive_variables()
    def renew_selected(self, request: HttpRequest, queryset: models.QuerySet[Client]) -> HttpResponse:
        """Ask whether it is meant, then show each its new secret; the old one is wrong from now on."""
        if answer := recent.ask(request, back=request.get_full_path()):
            return answer
        chosen = list(queryset)
        if "confirmed" not in request.POST:
            return self._page(request, "renew_secrets", title=_("Give a new secret"), chosen=chosen)
        told = []
        for client in chosen:
            who: Any = request.user
            told.append((client, clients.renew(client, by=who, request=request)))
            self.log_change(request, client, "Given a new secret.")
        return self._secrets(request, told)

    @admin.action(description=_("Switch off selected clients"), permissions=["change"])
    def switch_off_selected(self, request: HttpRequest, queryset: models.QuerySet[Client]) -> None:
        """Refuse them from now on."""
        chosen = list(queryset.filter(is_active=True))
        for client in chosen:
            client.is_active = False
            who: Any = request.user
            clients.change(client, ["is_active"], by=who, request=request)
            self.log_change(request, client, "Switched off.")
        text = ngettext(
            "%(count)d client was switched off.", "%(count)d clients were switched off.", len(chosen)
        )
        self.message_user(request, text % {"count": len(chosen)}, messages.SUCCESS)

    @sensitive_variables()
    def _secrets(self, request: HttpRequest, told: list[tuple[Client, str]]) -> HttpResponse:
        return self._page(request, "client_secrets", title=_("The secret, shown once"), told=told)

    @sensitive_variables()
    def _page(self, request: HttpRequest, name: str, **context: Any) -> HttpResponse:
        known = {"opts": self.opts, "checkbox": helpers.ACTION_CHECKBOX_NAME}
        context |= {**self.admin_site.each_context(request), **known}
        return TemplateResponse(request, f"admin/tokens_stateless/{name}.html", context)


def _written(at: datetime) -> str:
    return formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
