"""Django's session contract once more, awaited (S12): the same store through its other set of names."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync

from sessions_stateful.store import SessionStore
from tests.sessions_stateful.test_store import StoreContract


class Awaited:
    """A store whose every method that has an awaited twin is called through it."""

    def __init__(self, store: SessionStore) -> None:
        object.__setattr__(self, "store", store)

    def __getattr__(self, name: str) -> Any:
        return _through(self.store, f"a{name}") or getattr(self.store, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.store, name, value)

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        async_to_sync(self.store.aset)(key, value)


def _through(store: SessionStore, name: str) -> Any:
    twin = getattr(store, name, None)
    return async_to_sync(twin) if callable(twin) else None


class TestAwaitedStore(StoreContract):
    """S12: each call is the awaited one."""

    def open(self, key: str | None = None) -> Any:
        return Awaited(SessionStore(key))

    def test_every_call_has_an_awaited_twin_that_needs_no_thread_of_the_caller(self) -> None:
        async def use() -> list[Any]:
            session = SessionStore()
            await session.aset("colour", "red")
            await session.asave()
            await session.acycle_key()
            again = SessionStore(session.session_key)
            return [
                await again.aget("colour"),
                await again.aexists(session.session_key or ""),
                await again.aload(),
            ]

        assert async_to_sync(use)() == ["red", True, {"colour": "red"}]
