"""Small stand-ins made on the spot: random models of every architecture, with a tokenizer, as folders on disk."""

from pathlib import Path
from typing import Any

import pandas as pd

from expertneurons import tables
from expertneurons.words import split

ROOT = Path(__file__).parents[1]
ARCHITECTURES = ("bert", "roberta", "gpt2", "gpt_neox", "llama", "mistral", "qwen2")
LAYERS, WIDTH = 2, 16


def write_model(folder: Path, architecture: str, texts: list[str], seed: int = 0) -> Path:
    """Write a random model with a word-piece tokenizer for the texts; BERT has [CLS] and [SEP], Llama a BOS."""
    import torch
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()

    size = _write_tokenizer(folder, architecture, texts)
    sizes: dict[str, Any] = {
        "vocab_size": size,
        "hidden_size": WIDTH,
        "intermediate_size": 3 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    }
    if architecture == "gpt2":
        sizes = {"vocab_size": size, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 2, "n_positions": 64}
    if architecture in ("llama", "mistral", "qwen2"):
        sizes["num_key_value_heads"] = 1
    torch.manual_seed(seed)
    config = AutoConfig.for_model(architecture, **sizes, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    AutoModel.from_config(config).save_pretrained(folder)
    return folder


def _write_tokenizer(folder: Path, architecture: str, texts: list[str]) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    # Not trained: the trainer breaks ties at random. Short words are one token, longer ones several.
    words = sorted({word for text in texts for word in split(text)})
    letters = sorted({letter for text in texts for letter in text if not letter.isspace()})
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters), *(w for w in words if 1 < len(w) <= 5)]
    tokenizer = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    around = {"bert": "[CLS] $A [SEP]", "roberta": "[CLS] $A [SEP]", "llama": "[CLS] $A", "mistral": "[CLS] $A"}
    if architecture in around:
        template = processors.TemplateProcessing(
            single=around[architecture], special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
        tokenizer.post_processor = template
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


def write_causal_model(folder: Path, texts: list[str], steps: int) -> Path:
    """Write a small GPT-2 with its head: random, or taught in so many steps to say the texts after "Write:"."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    size = _write_tokenizer(folder, "gpt2", [*texts, "Write:"])
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "gpt2", vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=64, bos_token_id=1, eos_token_id=2
    )
    model = AutoModelForCausalLM.from_config(config)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    coded = tokenizer([f"Write: {text} [SEP]" for text in texts], return_tensors="pt", padding=True)["input_ids"]
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        model(input_ids=coded, labels=coded.masked_fill(coded == 0, -100)).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(folder)
    return folder


def write_stimuli(folder: Path, sentences: dict[str, list[str]]) -> tuple[Path, Path]:
    """Write the sheets of a set of stimuli: concept -> its sentences."""
    folder.mkdir(parents=True, exist_ok=True)
    concepts, rows = folder / "concepts.tsv", folder / "sentences.tsv"
    concepts.write_text("concept\tdomain\n" + "".join(f"{c}\tthing\n" for c in sentences), encoding="utf-8")
    lines = [f"{c}-{i:02d}\t{c}\tfact\t{text}\n" for c, texts in sentences.items() for i, text in enumerate(texts, 1)]
    rows.write_text("id\tconcept\tregister\ttext\n" + "".join(lines), encoding="utf-8")
    return concepts, rows


def concept_table(path: Path, concepts: list[str]) -> Path:
    """Write a numbered table of concepts."""
    tables.write(pd.DataFrame({"concept_number": range(len(concepts)), "concept": concepts, "domain": ""}), path)
    return path


def leftovers(folder: Path) -> list[str]:
    """List the scratch and partial files (names that start with a dot) that something left below a folder."""
    return sorted(path.name for path in folder.rglob(".*"))
