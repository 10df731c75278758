"""A real OpenTelemetry Collector, Rotel, between the program and a receiver of ours that counts what came out of it."""

import gzip
import http.server
import importlib.util
import threading
from pathlib import Path

from .ports import LOOPBACK, free_port
from .process import OwnProcess


class Receiver:
    """Takes OTLP in Protocol Buffers, as it comes, and keeps it."""

    def __init__(self):
        self.received: list[bytes] = []
        received = self.received

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()


class Rotel:
    def __init__(self, directory: Path, receiver: Receiver):
        package = importlib.util.find_spec("rotel").submodule_search_locations[0]
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        arguments = [
            "--otlp-http-endpoint", f"{LOOPBACK}:{self.port}",
            "--otlp-grpc-endpoint", f"{LOOPBACK}:{free_port()}",
            "--exporter", "otlp",
            "--otlp-exporter-protocol", "http",
            "--otlp-exporter-endpoint", f"http://{LOOPBACK}:{receiver.port}",
        ]  # fmt: skip
        self.process = OwnProcess("rotel", [f"{package}/rotel-agent", "start", *arguments], directory)
        self.process.wait_for_port(self.port)

    def stop(self) -> None:
        self.process.stop()
