"""A plugin of protoc: what grpcio-tools and mypy-protobuf generate, as modules of the package `assay_client.gen`.

protoc's own modules import each other by the paths of the protos, as if these were packages of their own.
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
    sys.stdout.buffer.write(response.SerializeToString())


if __name__ == "__main__":
    main()
