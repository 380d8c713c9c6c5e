# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands where the PACS would be: a greeting with the caller's address, then every line comes back."""

import socketserver
import threading


class Greeter(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(f"{self.client_address[0]}\n".encode())
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


for port in (80, 443, 4242, 8042):
    threading.Thread(target=Server(("", port), Greeter).serve_forever).start()
