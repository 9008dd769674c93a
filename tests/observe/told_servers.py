"""Servers that tell of themselves as the usual ones do, made by hand, and ones that mean no good."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

Behaviour = Callable[[BaseHTTPRequestHandler], None]

KEY: Final = "sk-of-the-server-itself-4711"

MODELS: Final[Mapping[str, Any]] = {
    "vLLM": {"object": "list", "data": [
        {"id": "m", "object": "model", "owned_by": "vllm", "root": "/home/bob/models/llama-8b", "max_model_len": 8192},
    ]},
    "SGLang": {"object": "list", "data": [
        {"id": "org/m", "owned_by": "sglang", "root": "org/m", "max_model_len": 4096},
    ]},
    "TGI": {"object": "list", "data": [{"id": "org/m", "owned_by": "org/m"}]},
    "llama.cpp": {"object": "list", "data": [
        {"id": "/home/bob/m.gguf", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131072, "n_params": 8}},
    ]},
    "Ollama": {"object": "list", "data": [{"id": "llama3:8b", "owned_by": "library"}]},
}  # fmt: skip
PAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "vLLM": {"/version": {"version": "0.6.3.post1"}},
    "SGLang": {
        "/get_server_info": {
            "version": "0.4.6", "model_path": "/home/bob/m", "tokenizer_path": "/home/bob/m", "api_key": KEY,
            "dtype": "bfloat16", "quantization": "fp8", "tp_size": 2, "max_running_requests": 64,
            "context_length": None, "max_total_num_tokens": 120000, "device": "cuda",
            "host": "gpu-7.internal", "port": 30000,
        },
        "/get_model_info": {"model_path": "/home/bob/m", "is_generation": True, "weight_version": "default"},
    },
    "TGI": {"/info": {
        "model_id": "org/m", "model_sha": "0f1e", "model_dtype": "torch.float16", "model_device_type": "cuda",
        "max_concurrent_requests": 128, "max_input_length": 1024, "max_total_tokens": 2048,
        "max_batch_total_tokens": 32000, "version": "2.0.1", "sha": "abcdef", "docker_label": "sha-abcdef0",
    }},
    "llama.cpp": {"/props": {
        "default_generation_settings": {"n_ctx": 4096, "params": {"seed": 1}}, "total_slots": 4,
        "model_path": "/home/bob/m.gguf", "chat_template": "{{ x }}", "build_info": "b5143-abc1234",
    }},
    "Ollama": {
        "/api/version": {"version": "0.12.6"},
        "/api/ps": {"models": [
            {"name": "llama3:8b", "model": "llama3:8b", "digest": "9f43", "size_vram": 5, "context_length": 4096,
             "details": {"format": "gguf", "quantization_level": "Q4_0"}},
        ]},
    },
}  # fmt: skip
TOLD: Final[Mapping[str, Mapping[str, str]]] = {
    "vLLM": {"version": "0.6.3.post1", "model": "llama-8b", "context": "8192", "models": "m"},
    "SGLang": {
        "version": "0.4.6", "model": "m", "dtype": "bfloat16", "quantization": "fp8", "parallel": "2", "slots": "64",
        "context": "4096", "batch_tokens": "120000", "device": "cuda", "revision": "default", "models": "org/m",
    },
    "TGI": {
        "version": "2.0.1", "build": "sha-abcdef0", "model": "org/m", "revision": "0f1e", "dtype": "torch.float16",
        "device": "cuda", "context": "2048", "slots": "128", "batch_tokens": "32000", "models": "org/m",
    },
    "llama.cpp": {
        "build": "b5143-abc1234", "slots": "4", "model": "m.gguf", "context": "4096", "models": "m.gguf",
    },
    "Ollama": {
        "version": "0.12.6", "model": "llama3:8b", "revision": "9f43", "quantization": "Q4_0", "context": "4096",
        "models": "llama3:8b",
    },
}  # fmt: skip


def answer(to: BaseHTTPRequestHandler, document: Any, status: int = 200, **headers: str) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    to.send_response_only(status)
    for name, value in headers.items():
        to.send_header(name.replace("_", "-"), value)
    to.send_header("Content-Length", str(len(body)))
    to.end_headers()
    to.wfile.write(body)


def server_like(software: str, asked: list[str] | None = None, prefix: str = "") -> Behaviour:
    def behave(to: BaseHTTPRequestHandler) -> None:
        if asked is not None:
            asked.append(to.path)
        pages = {f"{prefix}{path}": page for path, page in {"/v1/models": MODELS[software], **PAGES[software]}.items()}
        if to.path in pages:
            answer(to, pages[to.path], Server=f"{software}/test")
        else:
            answer(to, {"detail": "Not Found"}, 404)

    return behave


@contextmanager
def serving(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The base URL of a server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                behave(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def huge(to: BaseHTTPRequestHandler) -> None:
    to.send_response_only(200)
    to.send_header("Content-Length", str(10**12))
    to.end_headers()
    to.close_connection = True
    while True:
        to.wfile.write(b'{"version": "1' + b"1" * 65536)


def trickling(to: BaseHTTPRequestHandler) -> None:
    to.send_response_only(200)
    to.send_header("Content-Length", str(10**6))
    to.end_headers()
    to.close_connection = True
    while True:
        to.wfile.write(b" ")
        time.sleep(0.05)


def trickling_head(to: BaseHTTPRequestHandler) -> None:
    to.close_connection = True
    to.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        to.wfile.write(b"x")
        time.sleep(0.05)


def no_http(to: BaseHTTPRequestHandler) -> None:
    to.close_connection = True
    to.wfile.write(b"\x15\x03\x01 this is not the protocol you are looking for\r\n\r\n")


def nested(to: BaseHTTPRequestHandler) -> None:
    answer(to, b"[" * 200_000)


def of_other_shapes(to: BaseHTTPRequestHandler) -> None:
    answer(to, {"data": [{"id": {"no": "text"}}, 7, None, {"id": "good", "owned_by": ["vllm"]}], "version": [1],
                "model_path": {"a": 1}, "build_info": {}, "total_slots": [], "model_id": 3, "models": 12})  # fmt: skip


def dirty(to: BaseHTTPRequestHandler) -> None:
    text = "\x1b[31mred\x1b[0m\u202egnp\u202c\r\nSet-Cookie: a"
    answer(to, {"data": [{"id": text * 2000, "owned_by": "vllm", "root": text}], "version": f"1{text}"},
           X_Evil_Version="1\x1b[2J2", Server="s\x07" * 500)  # fmt: skip
