"""A program that stays, encodes texts when asked, and says how long it took: a line of JSON each way."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Encode = Callable[[list[str]], np.ndarray]


def answer(open_encoder: Callable[[str, dict[str, Any]], Encode]) -> None:
    """Answer questions on stdin until it is closed.

    A question has ``texts`` (a JSON file), ``precision``, ``options`` of the program, and ``out`` (where the
    vectors go, or null); the answer ``seconds``, ``cpu_seconds`` and ``memory_mb``, the most that was held.

    Args:
        open_encoder: Gives what encodes in a precision, with the options; it is not timed.
    """
    said, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        question = json.loads(line)
        texts = json.loads(Path(question["texts"]).read_text("utf8"))
        encode = open_encoder(question["precision"], question["options"])
        start, cpu = time.perf_counter(), time.process_time()
        vectors = encode(texts)
        found = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
        found["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if question["out"]:
            np.save(question["out"], np.asarray(vectors, np.float32))
        print(json.dumps(found), file=said, flush=True)
