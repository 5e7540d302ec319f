"""The one place that knows which TensorFlow Lite runtime is installed."""

from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

try:
    from tflite_runtime import interpreter as _runtime

    _PACKAGE = "tflite-runtime"
except ImportError:
    from ai_edge_litert import interpreter as _runtime

    _PACKAGE = "ai-edge-litert"

Floats = NDArray[np.float32]


class ModelRefused(Exception):
    """The runtime does not take this file as a model, or the model does not look as expected."""


class Interpreter:
    """One model with one input, on one thread: the patient's screen needs the other cores."""

    def __init__(self, model: bytes) -> None:
        """`model` is the content of a .tflite file. The runtime trusts it blindly, and a damaged one can crash the
        process: give only content whose hash was checked. Raises ModelRefused."""
        try:
            self._interpreter = _runtime.Interpreter(model_content=model, num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelRefused("not a model that this runtime can run") from error
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise ModelRefused(f"{len(inputs)} inputs, one expected")
        if inputs[0]["dtype"] is not np.float32:
            raise ModelRefused(f"takes {inputs[0]['dtype'].__name__}, float32 expected")
        self._input = int(inputs[0]["index"])
        self.input_shape: tuple[int, ...] = tuple(int(size) for size in inputs[0]["shape"])
        outputs = self._interpreter.get_output_details()
        self.output_sizes: tuple[int, ...] = tuple(int(np.prod(output["shape"])) for output in outputs)
        self._outputs = {str(output["name"]): int(output["index"]) for output in outputs}

    def run(self, value: Floats) -> dict[str, Floats]:
        """Results by their names in the file, as copies. `value` has `input_shape`."""
        self._interpreter.set_tensor(self._input, value)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}


def runtime_name() -> str:
    """Package and version, for the event log, such as "tflite-runtime 2.14.0"."""
    return f"{_PACKAGE} {version(_PACKAGE)}"
