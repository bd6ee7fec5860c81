"""Metrics of probabilities in float64: /usr/bin/python3 test/golden/metrics.py writes metrics.json.

Everything is computed by its definition, slowly and plainly. What scikit-learn has too must agree with it. Probabilities are
whole numbers over a power of two, exact in float32 and float64, so that ties are ties and rows sum to exactly 1.
"""
import warnings

import numpy as np
import sklearn
from sklearn import metrics

from common import write

SMALLEST = 2.0**-149
rng = np.random.default_rng(20170806)


def roc_auc(truth, score):
    """The probability that a positive has a higher score than a negative, ties counting half."""
    positive, negative = score[truth], score[~truth]
    if len(positive) == 0 or len(negative) == 0:
        return None
    over = np.sign(positive[:, None] - negative[None, :])
    return float(np.mean((over + 1) / 2))


def average_precision(truth, score):
    """The sum over thresholds of the gain in recall times the precision."""
    if not truth.any():
        return None
    total, before = 0.0, 0.0
    for threshold in sorted(set(score.tolist()), reverse=True):
        chosen = score >= threshold
        recall = (chosen & truth).sum() / truth.sum()
        total += (recall - before) * (chosen & truth).sum() / chosen.sum()
        before = recall
    return float(total)


def top_k(p, labels, k):
    """Of equal probabilities that of the lower class comes first."""
    order = np.argsort(-p, axis=1, kind="stable")
    return float(np.mean([label in row[:k] for label, row in zip(labels, order)]))


def calibration(p, labels, count):
    """Guo et al. 2017: bin m holds the confidences in ((m - 1) / M, m / M]."""
    confidence, right = p.max(1), p.argmax(1) == labels
    bins, expected, maximum = [], 0.0, 0.0
    for m in range(1, count + 1):
        # Multiplied out: (m - 1) / M has no exact value, these have.
        inside = (confidence * count > m - 1) & (confidence * count <= m)
        if not inside.any():
            bins.append([0, None, None])
            continue
        bins.append([int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean())])
        gap = abs(bins[-1][1] - bins[-1][2])
        expected += inside.sum() / len(labels) * gap
        maximum = max(maximum, gap)
    return {"expected": float(expected), "maximum": float(maximum), "bins": bins}


def mean(values, weights=None):
    kept = [i for i, value in enumerate(values) if value is not None]
    if not kept:
        return None
    return float(np.average([values[i] for i in kept], weights=None if weights is None else [weights[i] for i in kept]))


def agree(ours, theirs):
    assert abs(ours - theirs) < 1e-12, (ours, theirs)
    return ours


def case(name, weights, labels):
    weights, labels = np.array(weights), np.array(labels)
    n, k = weights.shape
    denominator = int(weights[0].sum())
    assert (weights.sum(1) == denominator).all() and denominator & (denominator - 1) == 0
    p = weights / denominator
    assert (p.astype(np.float32) == p).all()
    truths = labels[:, None] == np.arange(k)
    support = truths.sum(0).tolist()

    auc = [roc_auc(truths[:, c], p[:, c]) for c in range(k)]
    precision = [average_precision(truths[:, c], p[:, c]) for c in range(k)]
    for c in range(k):
        if auc[c] is not None:
            agree(auc[c], metrics.roc_auc_score(truths[:, c], p[:, c]))
        if precision[c] is not None:
            agree(precision[c], metrics.average_precision_score(truths[:, c], p[:, c]))
    if k > 2 and min(support) > 0:
        for average in ("macro", "weighted"):
            theirs = metrics.roc_auc_score(labels, p, multi_class="ovr", average=average)
            agree(mean(auc, None if average == "macro" else support), theirs)
            theirs = metrics.average_precision_score(truths, p, average=average)
            agree(mean(precision, None if average == "macro" else support), theirs)

    tops = [top_k(p, labels, top) for top in range(1, k + 1)]
    if k > 2:
        for top, ours in enumerate(tops[:-1], 1):
            # scikit-learn takes the higher class of equal ones: with the classes backwards it takes the lower.
            theirs = metrics.top_k_accuracy_score(k - 1 - labels, p[:, ::-1], k=top, labels=np.arange(k))
            agree(ours, theirs)

    nll = float(-np.log(np.maximum(p[np.arange(n), labels], SMALLEST)).mean())
    if k > 1:
        agree(nll, metrics.log_loss(labels, p, labels=np.arange(k), eps=SMALLEST))
    brier = float(((p - truths) ** 2).sum(1).mean())
    agree(brier, sum(metrics.brier_score_loss(truths[:, c], p[:, c], pos_label=True) for c in range(k)))

    return {
        "name": name,
        "denominator": denominator,
        "weights": weights.tolist(),
        "labels": labels.tolist(),
        "topK": tops,
        "rocAuc": auc,
        "averagePrecision": precision,
        "macro": {"rocAuc": mean(auc), "averagePrecision": mean(precision)},
        "weighted": {"rocAuc": mean(auc, support), "averagePrecision": mean(precision, support)},
        "negativeLogLikelihood": nll,
        "brierScore": brier,
        "calibration": {str(count): calibration(p, labels, count) for count in (15, 10)},
    }


def drawn(n, k, denominator, present, sharpness):
    """Probabilities that know something of the labels, which are of the classes that are present."""
    labels = rng.choice(present, n)
    logits = rng.normal(size=(n, k)) * sharpness
    logits[np.arange(n), labels] += sharpness
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    weights = np.floor(p * denominator).astype(int)
    weights[np.arange(n), weights.argmax(1)] += denominator - weights.sum(1)
    return weights, labels


if __name__ == "__main__":
    warnings.simplefilter("error")
    # Deprecated later; the version that made the file has it.
    warnings.filterwarnings("ignore", message=".*eps.*")
    cases = [
        case("many ties", *drawn(50, 4, 8, [0, 1, 2, 3], 1.0)),
        case("hardly a tie", *drawn(60, 7, 2**22, list(range(7)), 1.5)),
        case("two classes, very sure", *drawn(40, 2, 2**20, [0, 0, 1], 4.0)),
        case("a class that does not occur", *drawn(24, 5, 32, [0, 1, 2, 4], 1.0)),
        case("one class alone", *drawn(6, 3, 16, [1], 1.0)),
        case("a single sample", [[3, 4, 1]], [1]),
        case("all the same", [[1, 1, 1, 1]] * 5, [0, 1, 2, 3, 3]),
        case("on the bounds of bins, and at 0", [[8, 0], [4, 4], [4, 4], [0, 8], [8, 0], [5, 3]], [0, 0, 1, 0, 1, 0]),
    ]
    made = f"test/golden/metrics.py with NumPy {np.__version__}; scikit-learn {sklearn.__version__} agrees"
    write("metrics", {"made": made, "cases": cases})
