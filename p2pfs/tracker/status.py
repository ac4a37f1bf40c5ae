"""What a tracker says of itself: where it listens, whom it serves, and how much is in use."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from p2pfs import __version__
from p2pfs.console.command import Answer
from p2pfs.console.rendering import size_text
from p2pfs.daemon import swarm_data, swarm_line
from p2pfs.tracker.tracker import Tracker


def status(tracker: Tracker) -> Answer:
    """How it stands with a tracker, for people and for scripts."""
    directory, factory = tracker.directory, tracker.factory
    quotas = factory.quotas
    data: dict[str, Any] = {
        "version": __version__,
        "listening": list(tracker.listening),
        "since": tracker.since,
        "swarm": swarm_data(tracker.factory.swarm),
        "peers": len(factory.joined),
        "files": len(directory),
        "bytes": directory.bytes_offered,
        "quotas": {
            "files": {"used": len(directory), "most": quotas.names},
            "memory": {"used": directory.memory, "most": quotas.memory},
            "connections": {"used": len(factory.connections), "most": quotas.connections},
        },
    }
    return Answer(data, _lines(data))


def _lines(data: dict[str, Any]) -> list[str]:
    since = datetime.fromtimestamp(data["since"]).strftime("%Y-%m-%d %H:%M:%S")
    quotas = data["quotas"]
    memory, nowhere = quotas["memory"], "nowhere; 'start' opens a port"
    swarm = swarm_line(data["swarm"], data["listening"])
    return [
        f"listening    {', '.join(data['listening']) or nowhere}",
        *([f"swarm        {swarm}"] if swarm else []),
        f"since        {since}",
        f"peers        {data['peers']:,}",
        f"files        {data['files']:,}, {size_text(data['bytes'])}",
        f"names        {_part(quotas['files'])}",
        f"memory       {size_text(memory['used'])} of {size_text(memory['most'])}",
        f"connections  {_part(quotas['connections'])}",
        f"version      {data['version']}",
    ]


def _part(quota: dict[str, int]) -> str:
    return f"{quota['used']:,} of {quota['most']:,}"
