"""The addresses of the account pages and of what both flows share; a project includes them at its root."""

from __future__ import annotations

from django.urls import path

from accounts import api, mine_views, receipt_api, views

urlpatterns = [
    path("signup/", views.signup, name="signup"),
    path("signup/sent/", views.signup_sent, name="signup-sent"),
    path("signup/<str:token>/", views.signup_confirm, name="signup-confirm"),
    path("password/change/", views.password_change, name="password-change"),
    path("password/reset/", views.password_reset, name="password-reset"),
    path("password/reset/sent/", views.password_reset_sent, name="password-reset-sent"),
    path(
        "password/reset/<str:uidb64>/<str:token>/",
        views.PasswordResetConfirmView.as_view(),
        name="password-reset-confirm",
    ),
    path("logins/", mine_views.logins_page, name="logins"),
    path("logins/end-others/", mine_views.logins_end_others, name="logins-end-others"),
    path("logins/leave/", mine_views.leave_everywhere, name="logins-leave"),
    path("logins/<uuid:sid>/end/", mine_views.login_end, name="login-end"),
    path("logins/<uuid:sid>/not-me/", mine_views.login_not_me, name="login-not-me"),
    path("api/me/", api.MeView.as_view(), name="api-me"),
    path("api/logins/", api.LoginsView.as_view(), name="api-logins"),
    path("api/logins/end-others/", api.EndOthersView.as_view(), name="api-logins-end-others"),
    path("api/logins/<uuid:sid>/", api.LoginView.as_view(), name="api-login"),
    path("api/logins/<uuid:sid>/not-me/", api.NotMeView.as_view(), name="api-login-not-me"),
    path("api/receipts/<str:token>/", receipt_api.ReceiptView.as_view(), name="api-receipt"),
]
