"""How long collecting takes, beside pytest on an empty folder."""

from __future__ import annotations

from peers.process import OURS, ROOT, Contestant, nothing
from peers.rows.setting import Setting
from peers.work import Claim, Work

OWN, PLAIN = "pytest --collect-only suites/", "pytest, empty folder"
GOAL = 1.5


def collecting(setting: Setting) -> Work:
    """The suites that ship, with our plugin, beside pytest without it."""
    empty = setting.scratch / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    (empty / "pytest.ini").write_text("[pytest]\n")
    pytest = [OURS, "-m", "pytest", "--collect-only", "-q"]
    # pytest ends with 5 where it collects nothing.
    plain = ["sh", "-c", '"$@"; test $? -eq 5', "sh", *pytest, "-p", "no:benchharness", str(empty)]
    return Work(
        name="cold",
        title=OWN,
        contestants=[
            Contestant(OWN, [*pytest, str(ROOT / "suites")], read=nothing),
            Contestant(PLAIN, plain, read=nothing),
        ],
        claims=[
            Claim(OWN, OWN, PLAIN, GOAL, "at most"),
            Claim(f"{OWN}, wall", OWN, PLAIN, GOAL, "at most", "wall_s"),
        ],
    )
