"""Text as TensorRT-LLM's ensemble streams it: max_tokens responses, then an end without outputs; an error where max_tokens is below 1."""
import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            tokens = int(pb.get_input_tensor_by_name(request, "max_tokens").as_numpy().reshape(-1)[0])
            if tokens < 1:
                error = pb.TritonError("max_tokens must be above 0")
                sender.send(pb.InferenceResponse(error=error), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
                continue
            for _ in range(tokens):
                sender.send(
                    pb.InferenceResponse(
                        [
                            pb.Tensor("text_output", np.array([[b" word"]], dtype=np.object_)),
                            pb.Tensor("batch_index", np.array([[0]], dtype=np.int32)),
                            pb.Tensor("sequence_index", np.array([[0]], dtype=np.int32)),
                        ]
                    )
                )
            sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
