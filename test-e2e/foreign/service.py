"""One of three services of a program that was written without Branchline: Python's http.server alone.

It answers with its name and its version and, where it has an upstream, with what that one said. What
carries the key is passed on by hand.
"""

import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PASSED_ON = ("traceparent", "tracestate", "baggage")


def ask_upstream(headers):
    upstream = os.environ.get("UPSTREAM")
    if not upstream:
        return []
    passed = {name: headers[name] for name in PASSED_ON if name in headers}
    request = urllib.request.Request(upstream, headers=passed)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        me = f"{os.environ['NAME']} {os.environ['VERSION']}"
        try:
            said = [me] if self.path == "/ready" else [me, *ask_upstream(self.headers)]
            status = 200
        except OSError as error:
            said, status = [me, f"failed: {error}"], 502
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
