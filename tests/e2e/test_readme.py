"""Every command and every query of the README runs, in order, in one clone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support import ROOT

from e2e.conftest import Clone

BLOCK = re.compile(r"^```(sh|sql|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# `make test` is what runs this test; the download stands for the reader's own folder.
NOT_RUN = {"make test"}
RED = ("ispy1 verdict", "ispy1 diff")  # 1 is an answer of theirs, too


def test_readme(built: Clone, tmp_path: Path) -> None:
    clone = built.copy(tmp_path / "clone")
    download = tmp_path / "Downloads" / "ISPY1-Tumor-SEG-Radiomics"
    download.parent.mkdir()
    clone.run(f"cp -r data/phantom '{download}'")
    clone.run("mkdir -p own/predictions && cp data/phantom/masks_stv_resunet/* own/predictions/")
    clone.run("mv own/predictions/ISPY1_9001.nii.gz own/predictions/9001.nii.gz")
    (clone.root / "own" / "scores.csv").write_text("case_id,score\nISPY1_9001,0.5\n")
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    assert len(blocks) > 8
    for kind, text in blocks:
        for command in commands(kind, text):
            home = command.replace("~/Downloads", str(download.parent))
            done = clone.do(home, ok=None)
            fine = {0, 1} if command.startswith(RED) else {0}
            assert done.returncode in fine, f"{command}\n{done}"
    own = clone.do("ispy1 sql -f csv \"select count(*) from masks where mask = 'my_unet'\"")
    assert own.stdout.split()[-1] == "2"


def commands(kind: str, text: str) -> list[str]:
    if kind == "sql":
        return [f"ispy1 sql <<'SQL'\n{text}SQL"]
    if kind == "python":
        return [f"python - <<'PYTHON'\n{text}PYTHON"]
    lines = [re.sub(r"\s+#.*$", "", line).strip() for line in text.splitlines()]
    return [line for line in lines if line and line not in NOT_RUN]


def test_no_block_is_forgotten() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.count("```") == 2 * len(BLOCK.findall(text))
    planned = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, check=False)
    assert planned.returncode == 0
