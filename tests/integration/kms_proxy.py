# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of the real server: what a client sees when one answer is another's, or has another header."""

import contextlib
import email.utils
import http.client
import http.server
import threading
import time

from kms_host import ANSWER_S, JSON

THROTTLED = b'{"__type":"ThrottlingException","message":"Rate exceeded"}'


class Handler(http.server.BaseHTTPRequestHandler):
    """server.script has an entry for each request to come: None to pass it on, or what to do about it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        act = self.server.script.pop(0) if self.server.script else None
        self.server.count += 1
        if act == "throttle":
            status, date, answer = 400, time.time(), THROTTLED
        else:
            status, date, answer = self.pass_on(body)
        self.send_response_only(status)
        self.send_header("Content-Type", JSON)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Date", email.utils.formatdate(date + (act if isinstance(act, int) else 0), usegmt=True))
        self.end_headers()
        self.wfile.write(answer)

    def pass_on(self, body):
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=ANSWER_S)
        with contextlib.closing(upstream):
            upstream.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body)
            response = upstream.getresponse()
            date = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
            return response.status, date, response.read()

    def log_message(self, *_):
        """Nothing."""


@contextlib.contextmanager
def proxy(kms, *script):
    """(its URL, itself): "throttle" answers in the server's place, a number shifts the answer's Date by so many seconds."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.upstream, server.script, server.count = kms.port, list(script), 0
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", server
        finally:
            server.shutdown()
            thread.join()
