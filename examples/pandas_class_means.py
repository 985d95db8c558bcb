# Class means and a zero-shot classifier in a few lines of pandas and NumPy, of the files that `make demo` leaves:
#     python3 examples/pandas_class_means.py [demo]
# Cells begin with "# %%": Jupyter (jupytext), VS Code and Spyder run it as a notebook. Needs pandas with pyarrow. In Polars
# pl.read_parquet(f"{out}/features/demo/demo/part-*.parquet") reads the same columns.

# %% What was written
import sys
from pathlib import Path

import numpy as np
import pandas as pd

out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
parts = sorted((out / "features/demo/demo").glob("part-*.parquet"))
features = pd.concat([pd.read_parquet(p) for p in parts], ignore_index=True)
roles = pd.read_parquet(out / "features/demo/splits/demo.parquet")
classes = pd.read_parquet(out / "features/demo/classes.parquet")
images = features.merge(roles, on="image")
print(images.groupby("role").agg(images=("image", "size"), classes=("class", "nunique")))

# %% Features as a matrix: the root of each value, then unit length
def unit(m):
    return m / np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-12)


x = unit(np.sqrt(np.stack(images["feature"]).astype(np.float64)))  # after a ReLU none is negative
truth = images["class"].to_numpy()
unseen = (images["role"] == "test_unseen").to_numpy()


def accuracy(truth, predicted):
    """Mean per-class accuracy, as reports give it."""
    return pd.Series(truth == np.asarray(predicted)).groupby(truth).mean().mean()


# %% Nearest class mean among the seen classes, every other image of a class held out
held = ~unseen & (images.groupby("class").cumcount() % 2 == 1).to_numpy()
fit = ~unseen & ~held
means = pd.DataFrame(x[fit]).groupby(truth[fit]).mean()
nearest = means.index[(x[held] @ unit(means.to_numpy()).T).argmax(1)]
print(f"nearest class mean: {accuracy(truth[held], nearest):.6f} over {len(means)} seen classes, {held.sum()} images")

# %% Zero-shot: ridge regression from features to attributes, then the unseen class described most like the answer
a = pd.DataFrame(np.stack(classes["attributes"]).astype(np.float64), index=classes["class"])
a -= a.loc[np.unique(truth[~unseen])].mean()
xs = x[~unseen]
w = np.linalg.solve(xs.T @ xs + 0.1 * np.eye(xs.shape[1]), xs.T @ a.loc[truth[~unseen]].to_numpy())
candidates = a.loc[np.unique(truth[unseen])]
named = candidates.index[(x[unseen] @ w @ unit(candidates.to_numpy()).T).argmax(1)]
print(f"zero-shot by ridge regression: {accuracy(truth[unseen], named):.6f} over {len(candidates)} unseen classes, {unseen.sum()} images")

# %% What the trained model said
predictions = pd.read_parquet(out / "reports/demo-demo-vzsl/predictions.parquet").query("task == 'zero-shot'")
by_class = predictions.groupby("class")["correct"].mean().sort_values()
print(f"vzsl: {by_class.mean():.6f} over {len(by_class)} unseen classes, {len(predictions)} images")
print(by_class.to_string())
