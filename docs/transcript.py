"""Plays the sandbox's story and puts what it printed between the transcript marks of a file: `make readme`."""

import re
import subprocess
import sys
from pathlib import Path

BEGIN, END = "<!-- transcript: make readme -->", "<!-- end of transcript -->"


def main(path: Path) -> int:
    """Replace the transcript in `path`; the program's own exit code if the story fails."""
    command = [str(Path(sys.executable).with_name("workbench-access")), "sandbox", "--once"]
    played = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own command
    if played.returncode:
        sys.stderr.write(played.stdout + played.stderr)
        return played.returncode
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    shown = re.sub(r"(/workbench-access-sandbox-)\w+", r"\1xxxxxxxx", played.stdout.strip())
    path.write_text(f"{before}{BEGIN}\n\n```text\n{shown}\n```\n\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
