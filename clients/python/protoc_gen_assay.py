"""A plugin of protoc: what grpcio-tools and mypy-protobuf generate, as modules of the package `assay_client.gen`.

protoc's own modules import each other by the paths of the protos, as if these were packages of their own.

Beside them lies `client.py`: the client for programs with threads, which is that for asyncio without its `await`.
"""

import re
import sys
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

PACKAGE = "assay_client.gen"
CLIENT = Path(__file__).parent / "assay_client" / "aio.py"
# What the two ways to call gRPC have other names for.
WITH_THREADS = {
    "for asyncio. `npm run proto` makes of this what `assay_client` has for programs with threads.": "for programs with threads.",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncIterator": "Iterator",
    "Awaitable[Answer]": "Answer",
    "Awaitable, ": "",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "aclosing": "closing",
    "asyncio": "time",
    "grpc.aio.": "grpc.",
    "async ": "",
    "await ": "",
}
GENERATORS = {"python": "", "grpc_python": "", "mypy": "quiet:", "mypy_grpc": "quiet:"}


def main() -> None:
    request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    response = CodeGeneratorResponse(supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
    with TemporaryDirectory() as name:
        folder = Path(name)
        descriptors = folder / "descriptors.binpb"
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        out = folder / "out"
        out.mkdir()
        includes = f"-I{resources.files('grpc_tools') / '_proto'}"
        outs = [f"--{generator}_out={options}{out}" for generator, options in GENERATORS.items()]
        code = protoc.main(["protoc", includes, f"--descriptor_set_in={descriptors}", *outs, *request.file_to_generate])
        if code != 0:
            response.error = f"protoc ended with {code}"
        stubless = {Path(file.name).stem for file in request.proto_file if not file.service}
        for path in sorted(out.rglob("*.py*")):
            if path.stem.removesuffix("_pb2_grpc") in stubless:
                continue
            text = re.sub(r"^(from|import) assay\b", rf"\1 {PACKAGE}.assay", path.read_text(), flags=re.MULTILINE)
            response.file.add(name=str(path.relative_to(out)), content=text)
    response.file.add(name="client.py", content=with_threads(CLIENT.read_text()))
    sys.stdout.buffer.write(response.SerializeToString())


def with_threads(client: str) -> str:
    for word, other in WITH_THREADS.items():
        client = client.replace(word, other)
    return f"# Generated from aio.py by protoc_gen_assay.py. DO NOT EDIT!\n{client}"


if __name__ == "__main__":
    main()
