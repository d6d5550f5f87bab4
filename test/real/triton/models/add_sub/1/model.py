"""OUTPUT0 is the sum and OUTPUT1 the difference of INPUT0 and INPUT1."""
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            a, b = (pb.get_input_tensor_by_name(request, name).as_numpy() for name in ("INPUT0", "INPUT1"))
            outputs = {"OUTPUT0": a + b, "OUTPUT1": a - b}
            wanted = request.requested_output_names()
            responses.append(pb.InferenceResponse([pb.Tensor(name, value) for name, value in outputs.items() if name in wanted]))
        return responses
