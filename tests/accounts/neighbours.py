"""Two more processes that follow one feed, of which one can be cut off from it."""

from __future__ import annotations

from tests.accounts.another import AnotherProcess
from tests.proxy import Proxy
from tests.servers import RedisServer


class Neighbours:
    """Two processes on the test's database and one Redis, which `far` reaches through a proxy."""

    def __init__(self, redis: RedisServer, proxy: Proxy, near: AnotherProcess, far: AnotherProcess) -> None:
        self.redis, self.proxy, self.near, self.far = redis, proxy, near, far

    def begin_anew(self) -> None:
        """Redis is there and empty, the network is good, nobody knows anything, both follow."""
        if self.redis.process is None:
            self.redis.start()
        self.redis.empty()
        self.proxy.passes()
        for one in (self.near, self.far):
            one.tell("begin anew")
            one.tell("feed", "follow")
        for one in (self.near, self.far, self.near, self.far):
            one.answer()
