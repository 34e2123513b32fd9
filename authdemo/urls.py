"""The addresses of the project."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from django.views.generic import RedirectView
from django.views.i18n import set_language

from authdemo import health, pages, problems, schema
from authdemo.lab.page import views as lab
from sessions_stateful.views import next_stays_here

admin.site.site_header = admin.site.site_title = "authdemo"
admin.site.index_title = _("People, logins, keys and events")
# The list of Logins is wide, and there is little else to go to.
admin.site.enable_nav_sidebar = False

urlpatterns = [
    path("", pages.home, name="home"),
    path("", include("sessions_stateful.urls")),
    path("", include("tokens_stateless.urls")),
    path("", include("accounts.urls")),
    path("lab/", lab.page, name="lab"),
    path("lab/<slug:name>/", lab.act, name="lab-act"),
    path("admin/login/", next_stays_here(admin.site.login)),
    # The admin's own form would end the Login it is sent with, and looks at the old password uncounted.
    path("admin/password_change/", RedirectView.as_view(pattern_name="password-change")),
    path("admin/", admin.site.urls),
    path("api/schema/", schema.SchemaView.as_view(), name="schema"),
    path("api/docs/", schema.DocsView.as_view(url_name="schema"), name="docs"),
    path("language/", require_POST(set_language), name="language"),
    path("csp-report/", pages.csp_report, name="csp-report"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]

handler400 = problems.handler400
handler403 = problems.handler403
handler404 = problems.handler404
handler500 = problems.handler500
