#!/bin/sh
# The name server runs as long as the container, pebble when it is told to: lab-pebble.
exec named -g -u bind -c /etc/acme/named.conf
