"""Subscribers get everything in order, or are told that they were too slow."""

import asyncio

import pytest

from node.driver import heads
from node.driver.heads import SubscriberTooSlow, Topic


async def test_items_come_in_order_to_every_subscriber() -> None:
    topic: Topic[int] = Topic()
    first = topic.subscribe()
    topic.publish(1)
    second = topic.subscribe()
    topic.publish(2)
    topic.close()
    assert [item async for item in first] == [1, 2]
    assert [item async for item in second] == [2]


async def test_a_waiting_subscriber_is_woken() -> None:
    topic: Topic[int] = Topic()
    subscription = topic.subscribe()
    waiting = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    topic.publish(7)
    assert await waiting == 7


async def test_a_closed_subscription_ends_after_what_it_holds() -> None:
    topic: Topic[int] = Topic()
    subscription = topic.subscribe()
    topic.publish(1)
    subscription.close()
    topic.publish(2)
    assert [item async for item in subscription] == [1]


async def test_a_slow_subscriber_loses_its_subscription_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heads, "MAX_BACKLOG", 3)
    topic: Topic[int] = Topic()
    slow, quick = topic.subscribe(), topic.subscribe()
    for item in range(5):
        topic.publish(item)
        assert await anext(quick) == item
    with pytest.raises(SubscriberTooSlow):
        await anext(slow)
