"""A project without a single address: no template that links to one can be rendered."""

from __future__ import annotations

from django.urls import URLPattern

from authdemo import problems

urlpatterns: list[URLPattern] = []
handler404 = problems.handler404
