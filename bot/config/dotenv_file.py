"""The `.env` file: python-dotenv's syntax, without its reading and writing of the process's environment."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

from bot.config.problems import Problems


def read_dotenv(path: Path, environ: Mapping[str, str], problems: Problems) -> dict[str, str]:
    """The variables of a `.env` file; none if there is no such file.

    `${NAME}` and `${NAME:-default}` mean what python-dotenv means: `environ` first, then the lines above.
    A line that python-dotenv would skip with a warning is a problem, because a variable may be missing by it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        problems.add(str(path), f"cannot be read ({reason})", "cp .env.example .env")
        return {}
    values: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            problems.add(f"{path}, line {binding.original.line}", "is not NAME=value", "LOG_LEVEL=INFO")
        elif binding.key is not None and binding.value is not None:
            known = {**values, **environ}
            values[binding.key] = "".join(atom.resolve(known) for atom in parse_variables(binding.value))
    return values
