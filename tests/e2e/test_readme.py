"""Every command and every query of the README runs, in order, in one clone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support import ROOT

from e2e.conftest import Clone
from etl.model.errors import UserError

BLOCK = re.compile(r"^```(sh|sql|python|yaml|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# `make test` is what runs this test; the download stands for the reader's own folder.
OF_A_CLUSTER = ("# slurm.py", "dask scheduler")  # tests/engines starts one
# What needs an engine or npm, tests/engines runs; the server, until Ctrl-C, tests/site.
NOT_RUN = {
    "make test",
    "make viewer",
    "ispy1 serve --open",
    "spark-sql -f own/spark/views.spark.sql",
    "cd own/postgres && psql -f views.postgres.sql",
}
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
        if text.startswith(OF_A_CLUSTER):
            continue
        if kind == "sql":
            answer = clone.ask("ispy1 sql", text)
            assert answer.exit_code == 0, text
        elif kind == "text":  # what the query before it gives
            assert answer.stdout.splitlines() == text.splitlines()
        elif kind == "yaml":  # the file that its first line names
            path, content = text.removeprefix("# ").split("\n", 1)
            (clone.root / path).parent.mkdir(parents=True, exist_ok=True)
            (clone.root / path).write_text(content)
        elif "pyspark" in text:
            continue
        elif kind == "python":
            clone.run(f"python - <<'PYTHON'\n{text}PYTHON")
        else:
            for command in commands(text):
                follow(clone, command.replace("~/Downloads", str(download.parent)))
    own = clone.ask("ispy1 sql -f csv \"select count(*) from masks where mask = 'my_unet'\"")
    assert own.stdout.split()[-1] == "2"


def commands(text: str) -> list[str]:
    lines = [re.sub(r"\s+#.*$", "", line).strip() for line in text.splitlines()]
    return [line for line in lines if line and line not in NOT_RUN]


def follow(clone: Clone, command: str) -> None:
    """Run a command; one of ours in this process, with the stages that it starts."""
    fine = {0, 1} if command.startswith(RED) else {0}
    if command == "ispy1 repro":
        assert clone.repro().exit_code == 0
    elif command.startswith("ispy1"):
        answer = clone.ask(command)
        assert answer.exit_code in fine, f"{command}\n{answer.output}\n{answer.exception!r}"
        assert not isinstance(answer.exception, UserError), command
    else:
        done = clone.do(command, ok=None)
        assert done.returncode in fine, f"{command}\n{done}"


def test_no_block_is_forgotten() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.count("```") == 2 * len(BLOCK.findall(text))
    planned = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, check=False)
    assert planned.returncode == 0
