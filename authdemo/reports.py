"""What an error report shows of the settings: no URL, since that of Redis or of mail may hold a password."""

from __future__ import annotations

import re

from django.views.debug import SafeExceptionReporterFilter


class ReporterFilter(SafeExceptionReporterFilter):
    """Django's, which knows passwords by the names of settings, and addresses of servers beside them."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|URL|LOCATION", flags=re.IGNORECASE
    )
