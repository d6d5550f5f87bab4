"""NVIDIA's client against a server, as its users write it; says in JSON what came of it. Argument: HOST:PORT."""

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as grpc

client = grpc.InferenceServerClient(sys.argv[1])


def inputs_of(**arrays):
    inputs = []
    for name, (datatype, array) in arrays.items():
        inputs.append(grpc.InferInput(name, array.shape, datatype))
        inputs[-1].set_data_from_numpy(array)
    return inputs


def add(first, second):
    arrays = {"INPUT0": ("FP32", np.array([first], np.float32)), "INPUT1": ("FP32", np.array([second], np.float32))}
    result = client.infer("add_sub", inputs_of(**arrays), request_id="one")
    return {name: result.as_numpy(name).tolist() for name in ("OUTPUT0", "OUTPUT1")}


def stream(model, **arrays):
    """Texts of the responses, and what each says of being the last."""
    came = queue.Queue()
    client.start_stream(lambda result, error: came.put((result, error)))
    client.async_stream_infer(model, inputs_of(**arrays), request_id="s", enable_empty_final_response=True)
    texts, finals = [], []
    while not finals or not finals[-1]:
        result, error = came.get(timeout=30)
        if error is not None:
            raise error
        finals.append(result.get_response().parameters["triton_final_response"].bool_param)
        text = result.as_numpy("text_output")
        if text is not None:
            texts.append(text.reshape(-1)[0].decode())
    client.stop_stream()
    return {"texts": texts, "finals": finals}


def refused(call):
    try:
        call()
    except Exception as error:
        return str(error)


def bytes_of(text, shape):
    return ("BYTES", np.array([text.encode()], np.object_).reshape(shape))


yes = np.array([True])
sampling = json.dumps({"max_tokens": 3})
print(
    json.dumps(
        {
            "live": client.is_server_live() and client.is_model_ready("add_sub"),
            "server": client.get_server_metadata(as_json=True)["name"],
            "metadata": client.get_model_metadata("add_sub", as_json=True),
            "decoupled": client.get_model_config("vllm_model").config.model_transaction_policy.decoupled,
            "sums": [add([1, 2, 3, 4], [4, 3, 2, 1]), add([0.5, 0, 0, 0], [0.25, 0, 0, 0])],
            "vllm": stream(
                "vllm_model",
                text_input=bytes_of("Hello", [1]),
                stream=("BOOL", yes),
                sampling_parameters=bytes_of(sampling, [1]),
            ),
            "trtllm": stream(
                "ensemble",
                text_input=bytes_of("Hello", [1, 1]),
                stream=("BOOL", yes.reshape(1, 1)),
                max_tokens=("INT32", np.array([[3]], np.int32)),
            ),
            "unknown": refused(lambda: client.infer("nobody", [])),
            "statistics": client.get_inference_statistics("add_sub", as_json=True)["model_stats"][0],
        }
    )
)
