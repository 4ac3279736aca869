"""An answer of `ispy1 why` for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from etl.ask.why.model import Answer, BlobFact, Change, ContractFact, Explanation, RecipeFact
from etl.text.values import format_value

MAX_KEYS = 40
MAX_CONTRACTS = 8
MAX_BLOBS = 12


def format_lines(answer: Answer) -> Iterator[str]:
    """Yield the answer, a line at a time; values behind a value are indented."""
    if answer.explanations:
        for explanation in answer.explanations:
            yield from _format_explanation(explanation)
        return
    yield f"{answer.column}: {answer.n_matches} rows match; name one by its key:"
    for match in answer.matches[:MAX_KEYS]:
        words = " ".join(_format_key_part(name, value) for name, value in match.key.items())
        yield f"  {words}   {format_value(match.value)}"
    rest = answer.n_matches - MAX_KEYS
    if rest > 0:
        yield f"  and {rest} more (--json has all)"


def _format_key_part(name: str, value: object) -> str:
    """Write a part of a key as the command takes it."""
    text = format_value(value)
    return f"{name}={json.dumps(text) if ' ' in text else text}"


def _format_explanation(explanation: Explanation) -> Iterator[str]:
    yield from _format_head(explanation)
    for blob in explanation.blobs[:MAX_BLOBS]:
        yield from _format_blob(blob)
    if len(explanation.blobs) > MAX_BLOBS:
        yield f"  and {len(explanation.blobs) - MAX_BLOBS} more blobs (--json has all)"
    if explanation.recipe:
        yield from _format_recipe(explanation.recipe)
    yield from _format_contracts(explanation.contracts)
    for finding in explanation.findings:
        yield f"  finding    {finding['severity']}: {finding['check']}: {finding['observed']}"
    yield from _format_past(explanation)
    for note in explanation.notes:
        yield f"  note       {note}"
    for source in explanation.sources:
        role = ", which only chooses rows" if source.is_condition else ""
        choice = _format_choice(source.chosen_by)
        yield f"  from       {source.column}{choice}, {_count_rows(source.rows)}{role}"
    for inner in explanation.behind:
        yield ""
        yield from (f"    {line}".rstrip() for line in _format_explanation(inner))


def _format_head(explanation: Explanation) -> Iterator[str]:
    key = ", ".join(f"{name}={format_value(value)}" for name, value in explanation.key.items())
    unit = f" {explanation.unit}" if explanation.unit and explanation.value is not None else ""
    name = f"{explanation.relation}.{explanation.column}"
    yield f"{name} of {key} = {format_value(explanation.value)}{unit}"
    yield f"  meaning    {explanation.meaning}"
    yield f"  grain      {explanation.grain}"
    if explanation.made_by:
        yield f"  made by    {explanation.made_by}"


def _format_past(explanation: Explanation) -> Iterator[str]:
    if explanation.changed:
        yield from _format_change(explanation.changed)
    for moment in explanation.history or ():
        value = moment.problem or format_value(moment.value)
        yield f"  at {moment.revision:8} {value}   ({moment.date})"
    if explanation.history == ():
        yield "  at no tag  there is none yet"


def _count_rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _format_choice(chosen: Mapping[str, Any]) -> str:
    if not chosen:
        return ""
    return f" where {' and '.join(f'{k} = {format_value(v)}' for k, v in chosen.items())}"


def _format_blob(blob: BlobFact) -> Iterator[str]:
    yield f"  blob       {blob.path} ({blob.role})"
    publisher = f"; the publisher's: {blob.publisher_md5}" if blob.verdict == "mismatch" else ""
    yield f"             MD5 {blob.md5 or 'none'}; manifest: {blob.verdict or 'unknown'}{publisher}"
    copies = {"workspace": blob.in_workspace, "cache": blob.in_cache, "remote": blob.in_remote}
    words = {True: "yes", False: "no", None: "not asked"}
    yield f"             {', '.join(f'{copy}: {words[copies[copy]]}' for copy in copies)}"


def _format_recipe(recipe: RecipeFact) -> Iterator[str]:
    today = {True: "today's code", False: "not today's code: `ispy1 repro` makes it anew", None: ""}
    state = today[recipe.is_todays]
    yield f"  recipe     {recipe.recipe}{f' ({state})' if state else ''}"
    yield f"             modules {', '.join(name.removeprefix('etl.') for name in recipe.modules)}"
    libraries = ", ".join(f"{name} {number}" for name, number in recipe.libraries.items())
    yield f"             libraries {libraries}"
    profile = recipe.parameters["profile"]
    yield f"             profile {profile}: {', '.join(recipe.parameters['files'])}"
    for name, value in recipe.parameters["params"].items():
        yield f"             params.yaml {name}: {value}"


def _format_contracts(contracts: tuple[ContractFact, ...]) -> Iterator[str]:
    for contract in contracts[:MAX_CONTRACTS]:
        state = "holds" if contract.success else f"BROKEN ({contract.severity})"
        named = ", by this row" if contract.names_it else ""
        yield f"  contract   {contract.suite}: {contract.expectation}: {state}{named}"
        if contract.names_it:
            yield f"             fix: {contract.fix}"
    if len(contracts) > MAX_CONTRACTS:
        yield f"             and {len(contracts) - MAX_CONTRACTS} more (--json has all)"


def _format_change(change: Change) -> Iterator[str]:
    yield f"  changed    {change.summary}"
    if change.happened:
        yield f"             {format_value(change.before)} -> {format_value(change.after)}"
    for blob in change.blobs:
        yield f"             {blob.path}: MD5 {blob.before or 'none'} -> {blob.after or 'none'}"
    if change.recipes:
        yield f"             recipe {change.recipes[0]} -> {change.recipes[1]}"
