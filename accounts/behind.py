"""Writing behind the request: keys are put aside for free; one thread per process writes them in batches."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connections

Key = TypeVar("Key", bound=Hashable)
logger = logging.getLogger(__name__)
# At the end of the process a batch that has begun is waited for so long.
LAST_SECONDS = 2.0


class Writer(Generic[Key]):
    """Collects keys and hands them to `write` every `interval_seconds`; its thread starts with the first key.

    What a failed write held is put back and tried again. A fork starts empty: the parent writes what it has
    collected.
    """

    def __init__(self, write: Callable[[Collection[Key]], None], *, interval_seconds: float = 1.0) -> None:
        self._write = write
        self._interval = interval_seconds
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._keys: set[Key] = set()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, key: Key) -> None:
        """Have `key` written soon; costs no I/O, and a key that waits already is not put twice."""
        with self._lock:
            self._keys.add(key)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="write-behind", daemon=True)
                self._thread.start()
                atexit.register(self._last)

    def flush(self) -> None:
        """Write what has been put so far, in the calling thread; raises what `write` raises."""
        with self._writing:
            with self._lock:
                keys, self._keys = self._keys, set()
            if not keys:
                return
            try:
                self._write(keys)
            except Exception:
                with self._lock:
                    self._keys |= keys
                raise

    def _run(self) -> None:
        while not self._over.wait(self._interval):
            close_old_connections()
            try:
                self.flush()
            except Exception as error:
                # A database that is away is no fault of ours to be traced, and may be away for hours.
                away = isinstance(error, (OperationalError, InterfaceError))
                logger.warning(
                    "a batch could not be written and will be tried again: %s",
                    type(error).__name__,
                    exc_info=not away,
                )
            finally:
                connections.close_all()

    def _last(self) -> None:
        # Writing to the log while the interpreter goes away would have the process aborted.
        self._over.set()
        if self._thread:
            self._thread.join(LAST_SECONDS)
        with contextlib.suppress(Exception):
            self.flush()
