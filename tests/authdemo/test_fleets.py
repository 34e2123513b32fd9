"""The rest of the project with Sentinels and a Cluster: readiness, and Django's cache."""

from __future__ import annotations

import contextlib

import pytest
from django.core.cache import caches
from django.test import Client, override_settings
from django.urls import path

from authdemo import env, health
from tests.fleets import Cluster, Watched
from tests.servers import wait_until

pytestmark = [pytest.mark.redis, pytest.mark.slow, pytest.mark.urls(__name__)]

urlpatterns = [path("readyz", health.ready)]


def told(url: str) -> bool:
    """What `/readyz` says of Redis."""
    with override_settings(REDIS_URL=url):
        answer = Client().get("/readyz").json()
    assert answer["ready"]
    return bool(answer["redis"])


def test_ready_asks_all_nodes_of_a_cluster(cluster: Cluster) -> None:
    whole = told(cluster.url())
    cluster.servers[2].stop(keep=True)
    partly = told(cluster.url())
    cluster.servers[2].start()
    wait_until(cluster.is_whole, what="it is back")

    assert (whole, partly, told(cluster.url())) == (True, False, True)


def test_ready_and_the_cache_follow_the_master(watched: Watched) -> None:
    with override_settings(CACHES=env.cache(watched.url(1))):
        cache = caches["default"]
        cache.set("colour", "red")
        before = (told(watched.url()), cache.get("colour"))
        watched.master.kill()
        lost = told(watched.url())
        watched.await_failover()

        def answers() -> bool:
            with contextlib.suppress(Exception):
                cache.set("colour", "blue")
                return bool(cache.get("colour") == "blue")
            return False

        wait_until(answers, what="the cache is back")

        assert (before, lost, told(watched.url())) == ((True, "red"), False, True)
        cache.close()
