# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may answer in the place of an ACME server: something_else.py page|half|limit."""

import http.server
import json
import ssl
import sys

WHAT = sys.argv[1]
ERROR = {
    "type": "urn:ietf:params:acme:error:rateLimited",
    "detail": "too many certificates (5) already issued for this set of domains, retry after 2026-12-01 10:00:00 UTC",
}


class Something(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        here = f"https://{self.headers['Host']}/"
        directory = {name: here + name for name in ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")}
        if WHAT == "page":
            # A portal, a firewall, a web server of somebody else.
            self.say(200, "text/html", "<html>Welcome to the hospital</html>")
        elif self.command == "POST" and WHAT == "limit":
            self.say(429, "application/problem+json", json.dumps(ERROR))
        elif self.command == "POST":
            self.say(201, "application/json", '{"status": "val')
        else:
            self.say(200, "application/json", json.dumps(directory))

    do_HEAD = do_POST = do_GET

    def say(self, code, kind, text):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Replay-Nonce", "bm9uY2U")
        self.send_header("Location", f"https://{self.headers['Host']}/it")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())


server = http.server.ThreadingHTTPServer(("", 14000), Something)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain("/acme/api.crt", "/acme/api.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
