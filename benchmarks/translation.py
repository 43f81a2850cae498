"""BLEU of a trained translation network on the test sentences of Multi30k (test_2016_flickr, German to English).

    python -m benchmarks.translation runs/translate-001/best.safetensors

The step program of the network translates every line by the line `feed` of its spec (a beam, or with `--greedy` the
likeliest token); sacrebleu compares with the reference, both in lower case, which is how the network learnt them.
"""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import click
import sacrebleu

from netspec.train.generated import Manner, Writer

TEST = "multi30k/test_2016_flickr"


@click.command()
@click.argument("weights", type=click.Path(path_type=Path, exists=True))
@click.option("--greedy", is_flag=True, help="The likeliest token at each step.")
@click.option("--backend", default="torch", help="What runs the network.")
def main(weights: Path, greedy: bool, backend: str) -> None:
    """Translate the test sentences and print BLEU, and a few of them."""
    folder = Path(os.environ["NETSPEC_DATA"])
    reference, source = (
        gzip.decompress((folder / f"{TEST}.{language}.gz").read_bytes()).decode().splitlines()
        for language in ("en", "de")
    )
    began = time.perf_counter()
    writer = Writer.load(weights, Manner(greedy=greedy), backend=backend)
    given = Path(weights).parent / "test.txt"
    given.write_text("\n".join(source) + "\n", "utf-8")
    said = [each.text for each in writer.answers(given)]
    seconds = time.perf_counter() - began
    for german, english, translation in list(zip(source, reference, said, strict=True))[:3]:
        print(f"{german}\n  {translation}\n  ({english})")
    score = sacrebleu.corpus_bleu(said, [[line.lower() for line in reference]])
    print(
        f"{score}\n{len(said):,} sentences in {seconds:.0f} s, {'greedy' if greedy else writer.feed.written()}"
    )


if __name__ == "__main__":
    main()
