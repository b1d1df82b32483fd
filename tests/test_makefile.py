"""What `make` installs, told by a Python that only writes down what it was asked."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORDER = '#!/bin/sh\nprintf "%s\\n" "$*" >>asked.txt\n'

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize("with_gpu", [False, True])
@pytest.mark.parametrize(
    ("goal", "extras"),
    [("setup", ["pdf"]), (".venv/.installed-test", ["test"]), ("docs", ["docs"]), ("dev", ["dev"])],
)
def test_one_install_of_the_project_with_what_a_goal_needs(tmp_path, goal, extras, with_gpu):
    folder = tmp_path / "a clone"
    script(folder / "scripts" / "make-venv", "#!/bin/sh\ntouch .venv/.made\n")
    script(folder / ".venv" / "bin" / "python", RECORDER)
    script(tmp_path / "bin" / "nvidia-smi", f"#!/bin/sh\nexit {0 if with_gpu else 1}\n")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["make", "--silent", goal], cwd=folder, env={**outside, "PATH": path}, check=True)
    (install,) = re.findall(r"-m pip install .* --editable (\S+)", (folder / "asked.txt").read_text())
    wanted = [*extras, *(["gpu"] if with_gpu else [])]
    assert install == (f".[{','.join(wanted)}]" if wanted else ".")
