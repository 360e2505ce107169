"""The declarations of topics."""

import pytest

from schemas.topics import OBSERVATORY, SCHEMAS, TOPICS, Topic, UnknownTopic, bare_name, topic


@pytest.mark.parametrize("declared", TOPICS, ids=lambda declared: declared.name)
def test_a_topic_is_found_by_its_name(declared: Topic) -> None:
    assert topic(declared.name) is declared
    assert bare_name(declared.full_name("")) == declared.name
    assert bare_name(declared.full_name("het.replay.one.")) == declared.name


def test_a_namespace_goes_before_all_but_the_schemas() -> None:
    assert OBSERVATORY.full_name("het.") == "het.observatory"
    assert SCHEMAS.full_name("het.") == "_schemas"


@pytest.mark.parametrize("declared", TOPICS, ids=lambda declared: declared.name)
def test_nothing_recorded_ever_expires_or_is_refused_for_its_age(declared: Topic) -> None:
    config = declared.config()

    assert config["retention.ms"] == config["retention.bytes"] == "-1"
    assert config["message.timestamp.before.max.ms"] == str(2**63 - 1)
    assert config["message.timestamp.after.max.ms"] == str(2**63 - 1)
    assert config["message.timestamp.type"] == "CreateTime"


def test_what_must_be_totally_ordered_has_one_partition_and_is_on_the_disk_when_acked() -> None:
    assert OBSERVATORY.partitions == 1
    assert OBSERVATORY.config()["flush.messages"] == "1"


@pytest.mark.parametrize("name", ["observatori", "night.observatry"])
def test_an_unknown_topic_is_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(UnknownTopic, match="no topic"):
        topic(name)


def test_the_hint_names_a_topic() -> None:
    with pytest.raises(UnknownTopic, match="did you mean 'observatory'"):
        topic("observatori")
    with pytest.raises(UnknownTopic, match="known: observatory, alerts"):
        topic("weather")
