"""What others follow: the head of the chain, and streams of what happened.

A subscriber that does not keep up loses its subscription, never anybody else's time:
its backlog is bounded and it is told that it was too slow.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from node.chain.block import Block
from node.chain.header import Header
from node.chain.validators import ValidatorSet
from node.primitives.types import Hash32

MAX_BACKLOG = 1_024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Head:
    """The newest final block and the set that signs the next."""

    header: Header
    validators: ValidatorSet


@dataclass(frozen=True, slots=True)
class NewHead:
    """A block became final: what subscribers of heads receive, in order of height."""

    block: Block
    hashes: tuple[Hash32, ...]
    receipts: tuple[bytes, ...]

    @property
    def header(self) -> Header:
        """The header of the block."""
        return self.block.header


class SubscriberTooSlow(Exception):
    """MAX_BACKLOG items waited: subscribe again and read the gap from the store."""


class Subscription(Generic[T]):
    """An async iterator of what is published after it was made; close it."""

    def __init__(self, topic: "Topic[T]") -> None:
        self._topic = topic
        self._items: deque[T] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self._too_slow = False

    def __aiter__(self) -> "Subscription[T]":
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._too_slow:
                raise SubscriberTooSlow(f"more than {MAX_BACKLOG} items waited")
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._items.popleft()

    def close(self) -> None:
        """Receive nothing more; what was received can still be read."""
        self._closed = True
        self._topic.forget(self)
        self._wake.set()

    def push(self, item: T) -> None:
        """Called by the topic."""
        if len(self._items) >= MAX_BACKLOG:
            self._too_slow = True
            self._items.clear()
            self.close()
            return
        self._items.append(item)
        self._wake.set()


class Topic(Generic[T]):
    """One stream with any number of subscribers."""

    def __init__(self) -> None:
        self._subscriptions: dict[int, Subscription[T]] = {}

    def subscribe(self) -> Subscription[T]:
        """Everything published from now on."""
        subscription = Subscription(self)
        self._subscriptions[id(subscription)] = subscription
        return subscription

    def forget(self, subscription: Subscription[T]) -> None:
        """Send it nothing more."""
        self._subscriptions.pop(id(subscription), None)

    def publish(self, item: T) -> None:
        """Give the item to every subscriber."""
        for subscription in list(self._subscriptions.values()):
            subscription.push(item)

    def close(self) -> None:
        """End all subscriptions."""
        for subscription in list(self._subscriptions.values()):
            subscription.close()
