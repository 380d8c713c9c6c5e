# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many wrong passwords there may be, counted before the password is looked at.

Three counts, each within a window of 15 minutes: of one name from one address, of one address, and of one name from
everywhere. A caller over one of them gets no answer that tells right from wrong, the right password included. Only a
name that has logged in rightly from its address within the last hours is not held up by what others do elsewhere.

Where the address is not known, the name is all that is counted: an address that many callers seem to have would let one
of them lock out the others, and would let him go on after one of them has logged in.

The memory that this takes has an end: a count lies in one of 65,536 places, chosen by a digest whose key nobody knows.
No flood of names or addresses pushes a count out; two that share a place share its limit.
"""

import hashlib
import ipaddress
import math
import secrets
import threading
import time
from collections import OrderedDict

WINDOW = 15 * 60
# Of a name from an address, of an address, of a name.
PAIR, ADDRESS, NAME = 10, 20, 100
PLACES = 2**16
# For how long, and how many, names with an address that logged in rightly are known.
TRUSTED, MOST_TRUSTED = 12 * 3600, 4096
# How many different wrong passwords are known again: a program with an old one is one guess, not one every second.
MOST_WRONG = 8192


class Counts:
    """How often something failed in its window; over the limit it is closed for a window from the last failure."""

    def __init__(self, limit, clock):
        self.limit, self.clock, self.places = limit, clock, {}

    def wait(self, place):
        """For how many seconds it is closed, or 0."""
        count, end = self.places.get(place, (0, 0))
        left = end - self.clock()
        return left if count >= self.limit and left > 0 else 0

    def add(self, place):
        now = self.clock()
        count, end = self.places.get(place, (0, 0))
        if end <= now:
            count, end = 0, now + WINDOW
        if count + 1 >= self.limit:
            end = now + WINDOW
        self.places[place] = count + 1, end

    def take_back(self, place):
        count, end = self.places.get(place, (0, 0))
        if count > 1:
            self.places[place] = count - 1, end
        else:
            self.places.pop(place, None)


class Guesses:
    def __init__(self, clock=time.monotonic):
        self.clock = clock
        self.key = secrets.token_bytes(32)
        self.pairs, self.addresses, self.names = (Counts(limit, clock) for limit in (PAIR, ADDRESS, NAME))
        self.trusted, self.wrong = OrderedDict(), OrderedDict()
        # A browser sends one password with many requests at once: one guess.
        self.pending = {}
        self.lock = threading.Lock()

    def digest(self, *parts):
        """The same for the same parts until the gate is restarted, and nothing that says what they were."""
        text = b"".join(f"{len(part)}:{part}".encode("utf-8", "surrogatepass") for part in parts)
        return hashlib.blake2b(text, key=self.key, digest_size=16).digest()

    def place(self, *parts):
        return int.from_bytes(self.digest("place", *parts)[:8]) % PLACES

    def begin(self, name, address, password):
        """Seconds to wait, and why; or 0 and what counts as a failure until it is taken back with `right`."""
        net = network(address)
        pair = self.digest(name, net) if net else None
        guess = self.digest(name, net, password)
        places = {"name": (self.names, self.place("name", name))}
        with self.lock:
            now = self.clock()
            if net:
                here = {"name from there": (self.pairs, self.place(name, net))}
                there = {"address": (self.addresses, self.place("address", net))}
                places = here if self.trusted.get(pair, 0) > now else here | there | places
            waits = {why: counts.wait(place) for why, (counts, place) in places.items()}
            why = max(waits, key=waits.get)
            if waits[why]:
                return math.ceil(waits[why]), why, None
            counted = [] if guess in self.pending or self.wrong.get(guess, 0) > now else list(places.values())
            for counts, place in counted:
                counts.add(place)
            self.pending[guess] = self.pending.get(guess, 0) + 1
        return 0, "", (pair, guess, counted)

    def right(self, begun):
        pair, guess, counted = begun
        with self.lock:
            self.over(guess)
            for counts, place in counted:
                counts.take_back(place)
            self.wrong.pop(guess, None)
            if pair:
                remember(self.trusted, pair, self.clock() + TRUSTED, MOST_TRUSTED)

    def not_known(self, begun):
        """Nobody could say whether it was right."""
        _pair, guess, counted = begun
        with self.lock:
            self.over(guess)
            for counts, place in counted:
                counts.take_back(place)

    def was_wrong(self, begun):
        """Whether this wrong password is another one than those before it."""
        _pair, guess, counted = begun
        with self.lock:
            self.over(guess)
            remember(self.wrong, guess, self.clock() + WINDOW, MOST_WRONG)
        return bool(counted)

    def over(self, guess):
        self.pending[guess] -= 1
        if not self.pending[guess]:
            del self.pending[guess]


def remember(known, key, value, most):
    known[key] = value
    known.move_to_end(key)
    while len(known) > most:
        known.popitem(last=False)


def network(address):
    """Whose address it is: one household has a whole /64 of IPv6. Empty for what is no address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if parsed.version == 6 and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
