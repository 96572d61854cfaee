"""`python -m identity_service`: commands for operators. The service itself runs by `python -m chassis run`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

USAGE = """usage: python -m identity_service audit verify|export [...]   (--help says more)
       python -m identity_service mails status|failed|waiting|retry ID|all"""


def main(arguments: Sequence[str]) -> int:
    """Runs one command; 2 with the usage when there is none of that name."""
    if arguments[:1] == ["audit"]:
        from identity_service import audit_command

        return audit_command.main(arguments[1:])
    if arguments[:1] == ["mails"]:
        from identity_service import mails_command

        return mails_command.main(arguments[1:])
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
