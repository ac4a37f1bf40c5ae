"""One fuzzer in a process: ``python -m tests.fuzz.worker TARGET [libFuzzer's options]``."""

from __future__ import annotations

import gc
import importlib
import shlex
import sys

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # is optional


def main() -> None:
    """Fuzz a target until libFuzzer ends the process."""
    _, target, *options = sys.argv
    # A merge starts this program again, by a shell that is given this name as it is.
    program = f"{shlex.quote(sys.executable)} -m fuzz.worker {target}"
    # The targets' own branches count as well: they tell apart what came out.
    with atheris.instrument_imports(include=["p2pfs", "tests.fuzz.targets", "tests.fuzz.answers"]):
        run = importlib.import_module(f"tests.fuzz.targets.{target}").run
    from tests.fuzz.mutation import mutate

    gc.collect()
    gc.freeze()  # each run ends with a collection, which is then a small one

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        return mutate(data, max_size, seed, atheris.Mutate)

    atheris.Setup([program, *options], run, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
