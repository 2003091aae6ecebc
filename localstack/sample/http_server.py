#!/usr/bin/env python3
"""The sample application: a page that says which instance answered.

It serves on the port in its first argument or else in PORT, on the address in HOST or else 127.0.0.1.
"""
import html
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Page(BaseHTTPRequestHandler):
    server_version = "http_server/1.0"

    def do_GET(self):
        facts = [
            ("instance", os.environ.get("STATHUB_INSTANCE", "(not run by an agent)")),
            ("host", os.environ.get("NODE_HOSTNAME", "")),
            ("pid", str(os.getpid())),
            ("port", str(self.server.server_address[1])),
        ]
        rows = "".join("<dt>%s</dt><dd>%s</dd>\n" % (name, html.escape(value)) for name, value in facts)
        body = (
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>http_server</title>\n"
            "<h1>Hello from %s</h1>\n<dl>\n%s</dl>\n</html>\n" % (html.escape(facts[0][1]), rows)
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print("%s %s" % (self.client_address[0], format % args), flush=True)


def main():
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "8080"))
    server = ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), port), Page)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("serving on port %d as pid %d" % (port, os.getpid()), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
