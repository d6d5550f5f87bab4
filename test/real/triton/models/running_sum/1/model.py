"""SUM is that of all VALUEs of a sequence so far, STEP how many they are. Every request is a line of the file TRITON_SEQUENCES: sequence, start, end, VALUE."""
import os
import time

import numpy as np
import triton_python_backend_utils as pb

# So that sequences that are begun together are under way together.
SECONDS = 0.01


def scalar(request, name):
    return int(pb.get_input_tensor_by_name(request, name).as_numpy().reshape(-1)[0])


class TritonPythonModel:
    def initialize(self, args):
        self.sequences = {}

    def execute(self, requests):
        time.sleep(SECONDS)
        return [self.answer(request) for request in requests]

    def answer(self, request):
        sequence, start, end, value = (scalar(request, name) for name in ("CORRID", "START", "END", "VALUE"))
        with open(os.environ["TRITON_SEQUENCES"], "a") as seen:
            seen.write(f"{sequence} {start} {end} {value}\n")
        if start == (sequence in self.sequences):
            error = f"sequence {sequence} has {'begun' if start else 'not begun'}"
            return pb.InferenceResponse(error=pb.TritonError(error))
        total, step = self.sequences.pop(sequence, (0, 0))
        total, step = total + value, step + 1
        if not end:
            self.sequences[sequence] = (total, step)
        tensors = [pb.Tensor(name, np.array([[number]], dtype=np.int32)) for name, number in (("SUM", total), ("STEP", step))]
        return pb.InferenceResponse(tensors)
