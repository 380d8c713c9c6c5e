"""Everything that happens to a site's certificates, for the role tls and for cron alike.

Runs on the server with its distribution's Python, 3.10 or newer, and python3-cryptography, 3.4 or newer.
"""
