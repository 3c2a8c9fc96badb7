"""The package as people get it: built, installed elsewhere, typed, and for old Pythons too."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import valetkey

ROOT = Path(__file__).resolve().parents[1]
COMMAND_S = 300


def run(*command: object) -> str:
    done = subprocess.run(
        [str(one) for one in command], cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_S
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_wheel_works_in_a_fresh_environment(tmp_path: Path) -> None:
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet")
    built = ("wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", tmp_path)
    run(sys.executable, *pip, *built, ROOT)
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name == f"valetkey-{valetkey.__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert "valetkey/py.typed" in names and "valetkey/api/resources.py" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    folders = {name.split("/")[0] for name in names}
    assert folders == {"valetkey", f"valetkey-{valetkey.__version__}.dist-info"}

    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    run(python, *pip, "install", "--no-index", wheel)
    # -I: nothing of this folder is seen.
    code = "import valetkey; print(valetkey.Valetkey('https://connect.example.com', 'vk_x'))"
    assert run(python, "-I", "-c", code) == "Valetkey(host='https://connect.example.com')\n"
    assert "Requires: \n" in run(python, "-m", "pip", "show", "valetkey") + "\n"


def test_types_are_right() -> None:
    assert "Success" in run(sys.executable, "-m", "mypy")


def test_it_runs_on_python_3_9() -> None:
    arguments = ("--target=3.9-", "--eval-annotations", "--no-tips", "--violations", "src")
    run(Path(sys.executable).with_name("vermin"), *arguments)


def test_the_version_is_the_same_everywhere() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert re.findall(r'^version = "(.+)"$', project, re.M) == [valetkey.__version__]
