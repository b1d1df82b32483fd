"""Do word vectors that others trained help to tell positive from negative sentences?

The words of a sentence become vectors, which are averaged. The vectors are learned from the sentences, or are those of
the first layer of a large model and stay as they are.
"""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}


def data():
    """10,604 sentences of film reviews."""
    return Data.csv("reviews.csv", target="positive", label_names=["negative", "positive"])


def prepare(x, y, train, p):
    """The one column as an array of texts."""
    return x["text"].to_numpy(dtype=object), y


def words_and_vectors():
    """The words (n,) and vectors (n, 384) of the large model."""
    from pathlib import Path

    import numpy as np

    with np.load(Path(__file__).parent / "words.npz") as file:
        return file["words"], file["vectors"]


def build(p, data):
    """TextVectorization, an embedding, the mean over the words, one output."""
    import keras
    import numpy as np

    if p["vectors"] == "learned":
        vectorize = keras.layers.TextVectorization(max_tokens=5_000, output_sequence_length=30)
        vectorize.adapt(data.x)
        embedding = keras.layers.Embedding(vectorize.vocabulary_size(), 32)
    else:
        words, vectors = words_and_vectors()
        vectorize = keras.layers.TextVectorization(vocabulary=list(words), output_sequence_length=30)
        rows = np.concatenate([np.zeros((2, vectors.shape[1]), "float32"), vectors])  # of padding and unknown words
        start = keras.initializers.Constant(rows)
        embedding = keras.layers.Embedding(len(rows), rows.shape[1], embeddings_initializer=start, trainable=False)
    model = keras.Sequential(
        [
            keras.Input((), dtype="string"),
            vectorize,
            embedding,
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(p["learning_rate"]), "binary_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="Do word vectors that others trained help to tell positive from negative sentences?",
    data=data,
    prepare=prepare,
    build=build,
    arms=[Arm("learned", {"vectors": "learned"}, RATE), Arm("pretrained", {"vectors": "pretrained"}, RATE)],
    protocol=Protocol(epochs=5, batch_size=64, split=Split(0.2, test=0.2, random_state=0)),
    claims=[Claim("Pretrained vectors help", better="pretrained", than="learned", metric="test_accuracy")],
)
