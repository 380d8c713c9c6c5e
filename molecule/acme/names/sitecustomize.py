"""Python on the machine that runs the tests asks no name server for the clinic's names."""

import socket

ADDRESSES = {"pacs.clinic.test": "10.213.46.10"}
ask = socket.getaddrinfo


def getaddrinfo(host, *arguments, **options):
    return ask(ADDRESSES.get(host, host), *arguments, **options)


socket.getaddrinfo = getaddrinfo
