"""Commands whose process ends with the one that starts it, so that a pytest that is killed leaves nothing at work."""

import os
import shutil


def tied(*command: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
    """Have the kernel send SIGTERM to a command's process when its parent dies, however it dies.

    The parent is the thread that starts it. Where the system has no `setpriv`, which is a part of every Linux, the
    command stays as it is.
    """
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "TERM", "--", *command] if program else list(command)
