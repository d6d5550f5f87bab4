"""Text as vLLM's backend streams it: the last of max_tokens responses says that it is the last; an error where max_tokens is below 1."""
import json

import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        final = pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL
        for request in requests:
            sender = request.get_response_sender()
            sampling = pb.get_input_tensor_by_name(request, "sampling_parameters").as_numpy()[0]
            tokens = int(json.loads(sampling)["max_tokens"])
            if tokens < 1:
                sender.send(pb.InferenceResponse(error=pb.TritonError("max_tokens must be above 0")), flags=final)
                continue
            for i in range(tokens):
                text = pb.Tensor("text_output", np.array([b" word"], dtype=np.object_))
                sender.send(pb.InferenceResponse([text]), flags=final if i == tokens - 1 else 0)
