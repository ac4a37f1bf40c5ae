"""What commands a daemon in miniature has; without Twisted, as the program does without it."""

from __future__ import annotations

from p2pfs.commands import PEER_COMMANDS, Definition, Definitions, Kind, Option, Parameter

TOY_COMMANDS = Definitions(
    [
        Definition(
            "echo",
            "Say it.",
            [Parameter("text", "what to say")],
            [Option("loud", "in capitals")],
        ),
        Definition(
            "copy",
            "Name two files.",
            [
                Parameter("source", "a name"),
                Parameter("target", "a path", Kind.PATH, optional=True),
            ],
            [Option("over-write", "whatever")],
        ),
        PEER_COMMANDS["list_files"],
        Definition(
            "pick",
            "Say the name of a file.",
            [Parameter("name", "a name", Kind.NAME)],
            [Option("from", "where it is", "where", ("far", "near"))],
        ),
        Definition("fail", "Fail on purpose."),
        Definition("crash", "Fail by accident."),
        Definition("odd", "Answer what JSON cannot hold."),
        Definition("slow", "Wait until cancelled or released."),
        Definition(
            "begin",
            "Wait as well, for what goes on without.",
            [Parameter("name", "what begins", repeated=True)],
            background=True,
        ),
        Definition("cancel", "End it.", [Parameter("name", "what ends", repeated=True)]),
        Definition("progress", "Report a thousand times."),
        Definition("unwell", "Answer that something is not well."),
        Definition("wait", "Report a wait each moment."),
        Definition("flood", "Answer more than a pipe holds."),
        Definition(
            "exit",
            "Pretend to shut down.",
            options=[Option("yes", "do not ask")],
            question="Shut it down?",
        ),
    ]
)
