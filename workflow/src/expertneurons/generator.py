"""Generator: stimuli written by a local instruction-tuned model, through the same gate as written ones."""

import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from expertneurons import checkpoints, sheets
from expertneurons.corpus import as_rows, rated_pairs
from expertneurons.errors import StudyError
from expertneurons.files import replacing
from expertneurons.quality import Gate, Sentence
from expertneurons.steps import LOGGER, Progress
from expertneurons.words import forms

LIST_MARK = re.compile(r"^\s*(?:[-*]|\d+[.)])\s*")


class Settings(NamedTuple):
    """How a model is asked: completions a round, rounds at most, sampling, length in tokens, seed."""

    completions: int
    rounds: int
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int


class Draft(NamedTuple):
    """What came of one concept: (register, text) admitted, (register, text, rule, detail) refused."""

    admitted: list[tuple[str, str]]
    refused: list[tuple[str, str, str, str]]


def generate_sentences(
    concepts: Path,
    model: Path,
    norms: list[Path],
    kept: Path,
    sentences: Path,
    rejects: Path,
    drafts: Path,
    prompts: list[str],
    per_register: int,
    least: int,
    completions: int = 8,
    rounds: int = 12,
    temperature: float = 0.9,
    top_p: float = 0.95,
    max_new_tokens: int = 48,
    seed: int = 0,
) -> None:
    """Let a local causal model write sentences for every concept, until enough of them pass the gate.

    Each finished concept is kept in `drafts`, so that a run that was stopped goes on where it was.

    Args:
        concepts: Sheet of concepts.
        model: Folder of an instruction-tuned model; its chat template is used where it has one.
        norms: Tidy norms: a sentence for one word of a rated pair must not mention the other.
        kept: Sheet to write: the concepts that have enough sentences.
        sentences: Sheet to write.
        rejects: Sheet to write: every refused text with the rule that refused it.
        drafts: Folder of finished concepts.
        prompts: One per register, as register=prompt; {concept} and {sense} are filled in.
        per_register: Sentences wanted for a concept in each register.
        least: Fewest sentences with which a concept is kept.
        completions: Texts asked for at once.
        rounds: How often a register is asked at most.
        temperature: Of the sampling.
        top_p: Of the sampling.
        max_new_tokens: Longest completion.
        seed: Of the sampling.

    """
    rows = sheets.read(concepts, "concepts")
    registers = dict(prompt.split("=", 1) for prompt in prompts)
    settings = Settings(completions, rounds, temperature, top_p, max_new_tokens, seed)
    spellings = {row["concept"]: forms(row["concept"], row.get("forms", "")) for row in rows}
    gate = Gate(spellings, rated_pairs(norms), per_register * len(registers))
    writer = _Writer(model, settings)
    found: dict[str, Draft] = {}
    progress = Progress(len(rows), "generated", "concepts")
    for row in rows:
        asked = json.dumps([row, registers, per_register, settings, str(model), writer.digest], sort_keys=True)
        path = drafts / f"{hashlib.sha256(asked.encode()).hexdigest()[:24]}.json"
        if (kept_draft := _kept(path)) is not None:
            draft = kept_draft
            for register, text in draft.admitted:
                gate.admit(Sentence(register, row["concept"], text))
        else:
            draft = _draft(row, registers, per_register, gate, writer)
            with replacing(path) as partial:
                partial.write_text(json.dumps(draft), encoding="utf-8")
        found[row["concept"]] = draft
        progress(1)
    _write(rows, found, kept, sentences, rejects, least)


def _kept(path: Path) -> Draft | None:
    """Read a finished concept; None where there is none, or a damaged one, which is then written anew."""
    try:
        admitted, refused = json.loads(path.read_text(encoding="utf-8"))
        return Draft(
            [(register, text) for register, text in admitted], [(r, t, rule, why) for r, t, rule, why in refused]
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        LOGGER.warning("%s is damaged (%s); the concept is asked for again", path, error)
        return None


def _draft(row: dict[str, str], registers: dict[str, str], per_register: int, gate: Gate, writer: "_Writer") -> Draft:
    draft = Draft([], [])
    concept = row["concept"]
    for register, prompt in registers.items():
        wanted = len(draft.admitted) + per_register
        question = prompt.format(concept=concept, sense=row.get("sense") or concept)
        for text in writer.texts(question, concept, register):
            reasons = gate.admit(Sentence(register, concept, text))
            if reasons:
                draft.refused.append((register, text, *reasons[0]))
            else:
                draft.admitted.append((register, text))
            if len(draft.admitted) == wanted:
                break
    return draft


def _write(
    rows: list[dict[str, str]], found: dict[str, Draft], kept: Path, sentences: Path, rejects: Path, least: int
) -> None:
    refused = [
        {"concept": concept, "register": register, "rule": rule, "detail": _cell(detail), "text": _cell(text)}
        for concept, draft in found.items()
        for register, text, rule, detail in draft.refused
    ]
    sheets.write(rejects, refused or [dict.fromkeys(("concept", "register", "rule", "detail", "text"), "")])
    enough = [row for row in rows if len(found[row["concept"]].admitted) >= least]
    LOGGER.info("%d of %d concepts have %d sentences; %d texts refused", len(enough), len(rows), least, len(refused))
    if not enough:
        raise StudyError(
            f"no concept has {least} sentences that pass; {rejects} says why each of {len(refused)} texts was refused: "
            "use a larger model, more rounds or other prompts (generator in the config)"
        )
    written = [
        line
        for row in enough
        for register in dict(found[row["concept"]].admitted)
        for line in as_rows(
            [
                Sentence("generated", row["concept"], text)
                for own, text in found[row["concept"]].admitted
                if own == register
            ],
            register,
        )
    ]
    sheets.write(sentences, written)
    sheets.write(kept, enough)


def _cell(text: str) -> str:
    return " ".join(text.split())


class _Writer:
    """A causal model that answers a question with one sentence at a time."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._tokenizer, self._model = checkpoints.load(folder, "trained", 0, head=True)
        self._settings = settings
        config = (folder / "config.json").read_bytes()
        weights = b"".join(
            f"{path.name} {path.stat().st_size}".encode() for path in sorted(folder.glob("*.safetensors"))
        )
        self.digest = hashlib.sha256(config + weights).hexdigest()

    def texts(self, question: str, concept: str, register: str) -> Iterator[str]:
        """Yield candidate sentences, the first line of each completion, until the rounds are used up."""
        import torch

        for number in range(self._settings.rounds):
            torch.manual_seed(zlib.crc32(f"{self._settings.seed} {concept} {register} {number}".encode()))
            for completion in self._complete(question):
                line = completion.strip().partition("\n")[0]
                if text := _cell(LIST_MARK.sub("", line).strip("\"'")):
                    yield text

    def _complete(self, question: str) -> list[str]:
        import torch

        prompt: Any = question
        if self._tokenizer.chat_template:
            turns = [{"role": "user", "content": question}]
            prompt = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        coded = self._tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
        with torch.inference_mode():
            out = self._model.generate(
                **coded.to(self._model.device),
                do_sample=True,
                temperature=self._settings.temperature,
                top_p=self._settings.top_p,
                max_new_tokens=self._settings.max_new_tokens,
                num_return_sequences=self._settings.completions,
                pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id or 0,
            )
        start = coded["input_ids"].shape[1]
        answers: list[str] = self._tokenizer.batch_decode(out[:, start:], skip_special_tokens=True)
        return answers
