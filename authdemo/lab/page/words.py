"""The words of the page: the steps of both flows, the buttons, and why each pane met what it met."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

# As on the home page.
STEPS = {
    "session": (
        _("You send your address and password."),
        _("The server checks them against the database."),
        _("It starts a Login and makes a session for it."),
        _("It stores the session, under a hash of the key."),
        _("It answers with a cookie that holds the session key."),
        _("Your browser sends the cookie with each request."),
        _("The server finds the session, sees that its Login still lives, and answers."),
        _("You sign out: the Login ends, the session is gone, the cookie is cleared."),
    ),
    "token": (
        _("The client sends your address and password."),
        _("The server checks them against the database."),
        _("It starts a Login, writes its id and yours into a token, and signs it."),
        _("It answers with the token, and with one to refresh it."),
        _("The client stores both."),
        _("The client sends the token with each request."),
        _("The server verifies the signature, knows that the Login has not ended, and answers."),
        _("You sign out: the Login ends and the client clears its tokens."),
        _("Next time, the server asks for your password and checks it again."),
    ),
}

BY = {
    "device": _("from another device"),
    "thief": _("by somebody else"),
}

# The name in the address, what the button says, and what it does.
BUTTONS = {
    "sign-in": (_("Sign in"), _("The same person, through either door.")),
    "call": (_("Call"), _("Who am I? One request each.")),
    "call-100": (_("Call 100 times"), _("A hundred requests each, to whichever process takes them.")),
    "sign-out": (_("Sign out"), _("Then the old token is tried once more.")),
    "end": (_("End from another device"), _("Alice signs in elsewhere, and ends both Logins from there.")),
    "role": (_("Change my role"), _("Alice becomes staff, and is staff no more.")),
    "wait": (_("Wait out the token"), _("A token with five seconds to live, and a clock beside it.")),
    "tamper": (_("Tamper with cookie and token"), _("A changed character here, a claim to be staff there.")),
    "replay": (_("Replay what was stolen"), _("A copied cookie, and a refresh token that was used before.")),
    "tabs": (_("20 tabs at once"), _("All with the same cookie; all with the same refresh token.")),
    "drop": (_("Drop an answer"), _("The one that brings a new key or a new token is lost.")),
    "forget": (_("Delete the server's memory"), _("What is stored for this session, and for these tokens.")),
    "rotate": (_("Rotate the signing key"), _("The next key signs; look at the token's kid.")),
    "stop-redis": (_("Stop Redis"), _("Both go on without it.")),
    "start-redis": (_("Start Redis"), _("It comes back empty.")),
}

WHY = {
    "sign_in.session": _(
        "The password was right, so the server stored a session and answered with a random key to it: the "
        "cookie means nothing by itself."
    ),
    "sign_in.token": _(
        "The password was right, so the server signed a statement of who this is: the token says it by "
        "itself, and is kept by the client alone."
    ),
    "sign_in.nobody": _(
        "Nobody was signed in: there is no Alice with the password of the demonstration here. The command "
        "“manage.py demo” makes her."
    ),
    "sign_in.throttled": _(
        "Nobody was signed in: there were too many wrong passwords for Alice or from this address, so "
        "everybody waits."
    ),
    "sign_out.session": _(
        "The Login has ended, the stored session is gone and the cookie was taken back: nothing is left to "
        "steal."
    ),
    "sign_out.token": _(
        "The Login has ended. The token is still signed and not expired, but every process knows that its "
        "Login is over and refuses it."
    ),
    "call.session.redis": _(
        "The key was looked up in Redis: one round trip, and no statement, because the copy there carries "
        "the person and the Login along."
    ),
    "call.session.sql": _(
        "The key was looked up in the database: there is no copy in Redis that may vouch, or no Redis at all."
    ),
    "call.session.free": _("Nothing was looked up, and yet it was answered."),
    "call.session.untold": _("The session was found. What it cost is told only where the lab counts it."),
    "call.session.ended": _(
        "This key opens nothing any more: its Login is over, or the server knows the key no longer. Sign in "
        "again."
    ),
    "call.token.free": _(
        "Nothing was looked up: the signature tells who it is, and the process knows by itself which Logins"
        " have ended."
    ),
    "call.token.redis": _(
        "The signature tells who it is. The round trip to Redis was for something else that the process had"
        " to do."
    ),
    "call.token.sql": _(
        "The token was not looked up. But somebody has written into the database since, perhaps this page, "
        "so the process has read what is new in the ledger, once for all its requests."
    ),
    "call.token.untold": _("The token was good. What it cost is told only where the lab counts it."),
    "call.token.refreshed": _(
        "The token was refused, because it had expired or was out of date. The client has exchanged its "
        "refresh token for a new one in silence, and asked again."
    ),
    "call.token.ended": _(
        "Neither this token nor its refresh token is good any more: their Login is over, or the server has "
        "nothing stored for them. Sign in again."
    ),
    "call.nobody": _("Nothing was sent that says who asks, so the server refuses. Sign in first."),
    "hundred.session": _(
        "Each request looked its key up, whichever process it came to. All hundred together: round trips to "
        "Redis %(trips)s, statements %(statements)s, processes %(workers)s."
    ),
    "hundred.token": _(
        "No request looked its token up, whichever process it came to. All hundred together: round trips to "
        "Redis %(trips)s, statements %(statements)s, processes %(workers)s."
    ),
    "end.session": _(
        "Ending a Login is one update of one row. The request that was sent %(ms)s ms later found the Login "
        "over, and was refused."
    ),
    "end.token": _(
        "The token is signed and not expired, but the news of the end reached every process: the request "
        "that was sent %(ms)s ms later was refused, and so is the refresh token."
    ),
    "role.session": _(
        "The session is looked up each time, so the very next request knew the new role; and since it is "
        "worth more than before, its key was replaced."
    ),
    "role.token": _(
        "The token still said the old role, so the server called it stale instead of believing it: the "
        "client refreshed it in silence, and stayed signed in."
    ),
    "wait.session": _(
        "A session has no date that the client could read: each use keeps it alive, and the server alone "
        "decides when it has lain idle for too long."
    ),
    "wait.token": _(
        "This token was good a moment ago and is over in %(seconds)s seconds, which nobody can change: the "
        "date is signed. The first call after that refreshes it."
    ),
    "tamper.session": _(
        "A key carries a short proof that the server made it. The changed one does not fit its proof, is not "
        "even looked up, and speaks for nobody."
    ),
    "tamper.token": _(
        "The claims were changed and the signature was not, so they do not fit each other. Whoever has no "
        "private key cannot mend that."
    ),
    "replay.session": _(
        "A copied cookie is as good as the original: the server cannot tell the two apart. It works until "
        "the Login ends, so end it."
    ),
    "replay.token": _(
        "A refresh token is good for one use. An old one came back, so two hold a copy; the server cannot "
        "tell which of them is the thief, and ended the Login for both. (For ten seconds an old one is still "
        "answered; this page has skipped them.)"
    ),
    "tabs.session": _(
        "All %(tabs)s found the same session and were answered. Reading it writes nothing, so nobody waits "
        "for another."
    ),
    "tabs.token": _(
        "All %(tabs)s got an answer and the same successor: within ten seconds an old refresh token is "
        "answered like the new one, so no tab is taken for a thief."
    ),
    "drop.session": _(
        "A new key kills the old one at once. The answer with the new one was lost, so this browser is "
        "signed out and must sign in again: that is the price of never having two keys that are good."
    ),
    "drop.token": _(
        "The client asked again with the token that it had, and within ten seconds got the same successor "
        "again: the loss did no harm."
    ),
    "forget.session": _(
        "The memory is gone, so the key that the client still holds refers to nothing. It has become "
        "meaningless, though nobody has ended the Login."
    ),
    "forget.token": _(
        "The token is its own memory and is still good; only the row for its refresh token was on the "
        "server, so it cannot be renewed when it expires."
    ),
    "stop_redis.session": _(
        "Without Redis the key is looked up in the database: a statement instead of a round trip, and "
        "nobody is signed out."
    ),
    "stop_redis.token": _(
        "A token is looked up neither in Redis nor in the database, so nothing has changed for it."
    ),
    "start_redis.session": _(
        "Redis is back, empty and not trusted with anything from before. The session was read from the "
        "database once more, and copied there again."
    ),
    "start_redis.token": _(
        "A token is looked up neither in Redis nor in the database, so nothing has changed for it."
    ),
    "rotate.session": _("A session key is signed by nobody, so it does not care which key signs tokens."),
    "rotate.token": _(
        "The old token is good, because its key still verifies what it signed; the new one names the new "
        "key, which had been published before it signed."
    ),
    "rotate.early": _(
        "Nothing was rotated: services that verify our tokens may still keep a list without the next key. "
        "It may sign from %(at)s on."
    ),
    "rotate.early.token": _("The token is as good as before."),
    "unavailable": _(
        "The server cannot know right now whether the Login still lives, so it vouches for nobody and says "
        "so (503)."
    ),
    "unexpected": _(
        "This is not what this button is there to show; the answers below tell what has happened. Sign in "
        "again, and press it once more."
    ),
}

# Why nothing was done.
STOPPED = {
    "busy": _("The lab is busy with other visitors just now. Press the button again in a moment."),
    "no_answer": _(
        "The server did not answer itself within ten seconds. It is not at PUBLIC_ORIGIN, or each of its "
        "threads waits for another: start it with more of them, and press the button again."
    ),
    "no_person": _(
        "Signing in was refused. There is no Alice with the password of the demonstration here, or there "
        "were too many attempts; “Sign in” tells which."
    ),
    "not_ours": _(
        "Nothing was done: a Login in here is over, or is not one of the demonstration. Sign in again."
    ),
    "no_switch": _(
        "Redis did not do as it was told, or what starts and stops it is gone. Start the lab anew with "
        "“make lab”."
    ),
}
