"""OUTPUT0 is INPUT0."""
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        inputs = (pb.get_input_tensor_by_name(request, "INPUT0").as_numpy() for request in requests)
        return [pb.InferenceResponse([pb.Tensor("OUTPUT0", value)]) for value in inputs]
