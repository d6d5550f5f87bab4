"""Models for MLServer: add (tensors, one response) and repeat (a text, one response or a stream of its words)."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceResponse, MetadataTensor


def tensor(name, datatype):
    return MetadataTensor(name=name, datatype=datatype, shape=[-1])


class Add(MLModel):
    """OUTPUT0 = INPUT0 + INPUT1."""

    async def load(self):
        self.inputs = [tensor("INPUT0", "FP32"), tensor("INPUT1", "FP32")]
        self.outputs = [tensor("OUTPUT0", "FP32")]
        return True

    async def predict(self, payload):
        given = [NumpyCodec.decode_input(one) for one in payload.inputs]
        if given[0].shape != given[1].shape:
            raise InferenceError("the inputs have different shapes")
        return InferenceResponse(
            id=payload.id, model_name=self.name, outputs=[NumpyCodec.encode_output("OUTPUT0", given[0] + given[1])]
        )


class Repeat(MLModel):
    """text_output = text_input, in a stream word by word."""

    async def load(self):
        self.inputs = [tensor("text_input", "BYTES")]
        self.outputs = [tensor("text_output", "BYTES")]
        return True

    def said(self, payload, text):
        return InferenceResponse(
            id=payload.id, model_name=self.name, outputs=[StringCodec.encode_output("text_output", [text])]
        )

    async def predict(self, payload):
        return self.said(payload, StringCodec.decode_input(payload.inputs[0])[0])

    async def predict_stream(self, payloads):
        async for payload in payloads:
            for word in StringCodec.decode_input(payload.inputs[0])[0].split():
                yield self.said(payload, word + " ")
