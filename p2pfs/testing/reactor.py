"""What a simulated host offers in place of Twisted's reactor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import (
    IHostnameResolver,
    IListeningPort,
    IProtocolFactory,
)
from zope.interface import implementer

from p2pfs.reactor import Reactor
from p2pfs.testing.connecting import Attempt, Connector, Names, SimulatedPort
from p2pfs.testing.threads import SimulatedThreads
from p2pfs.testing.transport import LOOPBACK

if TYPE_CHECKING:  # a host makes its reactor, so it imports this module
    from p2pfs.testing.network import Host


@implementer(Reactor)
class HostReactor:
    """Time, TCP, UNIX sockets and threads of one process on a simulated host.

    When the process dies nothing of it ever runs again; the host has a new one then.
    While it is frozen everything waits, and happens in order when it thaws.
    """

    running = True

    def __init__(self, host: Host) -> None:
        self.host = host
        self.is_dead = False
        self.ports: dict[int | str, SimulatedPort] = {}
        self.attempts: dict[Attempt, None] = {}
        """Those to connect that are under way."""
        self._frozen = False
        self._backlog: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._catching_up = False
        self._calls: dict[DelayedCall, None] = {}
        self._timeline = host.network.timeline
        self._threads = SimulatedThreads(self)

    # The process

    def in_process(self, call: Callable[..., None], *args: Any) -> None:
        """Do something that happens in this process: at once, once it thaws, or never."""
        if self._frozen or self._catching_up or self.is_dead:
            # What never runs is kept nevertheless: see `Host`.
            self._backlog.append((call, args))
        else:
            call(*args)

    def soon(self, call: Callable[..., None], *args: Any) -> None:
        """Do it in this process when all that is due already has happened."""
        self._timeline.after(0, self.in_process, call, *args)

    def freeze(self) -> None:
        """Stop as upon SIGSTOP."""
        self._frozen = True

    def thaw(self) -> None:
        """Go on as upon SIGCONT: what waited comes first, in order."""
        self._frozen = False
        if self._backlog and not self._catching_up:
            self._catching_up = True
            self._timeline.after(0, self._catch_up)

    def _catch_up(self) -> None:
        if self._frozen or self.is_dead or not self._backlog:
            self._catching_up = False
            return
        self._timeline.after(0, self._catch_up)
        call, args = self._backlog.popleft()
        call(*args)

    def die(self) -> None:
        """End at once, as upon SIGKILL."""
        self.is_dead = True

    def stop(self) -> None:
        """The process ends itself."""
        if not self.is_dead:
            self.host.kill()

    def callWhenRunning(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Do it at once: a simulated process runs from its beginning."""
        callable(*args, **kwargs)

    # IReactorTime

    def seconds(self) -> float:
        return self._timeline.now

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        assert delay >= 0, f"{delay} is not greater than or equal to 0 seconds"
        call = DelayedCall(
            self.seconds() + delay,
            callable,
            args,
            kw,
            self._cancelled,
            self._schedule,
            self.seconds,
        )
        self._calls[call] = None
        self._schedule(call)
        return call

    def getDelayedCalls(self) -> list[DelayedCall]:
        return list(self._calls)

    def _schedule(self, call: DelayedCall) -> None:
        self._timeline.at(call.time, self.in_process, self._due, call, call.time)

    def _cancelled(self, call: DelayedCall) -> None:
        self._calls.pop(call, None)

    def _due(self, call: DelayedCall, time: float) -> None:
        if not call.active() or call.time != time:
            return
        if call.delayed_time > 0:
            call.activate_delay()
            self._schedule(call)
            return
        call.called = 1
        self._calls.pop(call, None)
        call.func(*call.args, **call.kw)

    # Threads

    def getThreadPool(self) -> SimulatedThreads:
        """The threads of this process."""
        return self._threads

    def callInThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """Have something done by a thread; nobody learns of its end."""
        self._threads.callInThreadWithCallback(None, callable, *args, **kwargs)

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """Do something in the thread of the reactor."""
        self.soon(lambda: callable(*args, **kwargs))

    # Connections

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        return self._listen(port, factory, interface)

    def listenUNIX(
        self,
        address: str,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> IListeningPort:
        return self._listen(address, factory, LOOPBACK)

    def _listen(
        self, number: int | str, factory: IProtocolFactory, interface: str
    ) -> IListeningPort:
        port = SimulatedPort(self, number, factory, interface)
        port.startListening()
        return port

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30,
        bindAddress: tuple[str, int] | None = None,
    ) -> Connector:
        return self._connect(host, port, factory, timeout)

    def connectUNIX(
        self, address: str, factory: Any, timeout: float = 30, checkPID: bool = False
    ) -> Connector:
        return self._connect(LOOPBACK, address, factory, timeout)

    def _connect(self, host: str, port: int | str, factory: Any, timeout: float) -> Connector:
        connector = Connector(self, host, port, factory, timeout)
        connector.connect()
        return connector

    # Names

    @property
    def nameResolver(self) -> Names:
        """The names of all simulated hosts."""
        return Names(self)

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Not offered: the network knows its names."""
        # Twisted's interface of a reactor has it; only who replaces a resolver calls it.
        raise NotImplementedError("The names of a simulated network are those of its hosts.")
