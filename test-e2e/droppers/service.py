"""A service that forwards B3's several headers by hand, as many do, and nothing else."""

import json
import os
import secrets
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def b3_of(headers):
    trace = headers.get("X-B3-TraceId") or secrets.token_hex(16)
    return {
        "X-B3-TraceId": trace,
        "X-B3-ParentSpanId": headers.get("X-B3-SpanId") or secrets.token_hex(8),
        "X-B3-SpanId": secrets.token_hex(8),
        "X-B3-Sampled": headers.get("X-B3-Sampled") or "1",
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        said, status = [f"{os.environ['NAME']} {os.environ['VERSION']}"], 200
        if self.path != "/ready":
            try:
                request = urllib.request.Request(os.environ["UPSTREAM"], headers=b3_of(self.headers))
                with urllib.request.urlopen(request, timeout=10) as answer:
                    said += json.load(answer)
            except OSError as error:
                said, status = [f"failed: {error}"], 502
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


host = os.environ.get("HOST", "0.0.0.0")
ThreadingHTTPServer((host, int(os.environ.get("PORT", "8000"))), Handler).serve_forever()
