#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# badnet.py - a relay for TCP that is a bad network.
#
#	badnet.py PORT PLAN
#
# Relays to PORT of this machine, and prints its own port. Each connection
# takes the next line of the file PLAN; those behind its end are left alone:
#
#	cut N     both sides end after N bytes to the server
#	mute N    what the server says after N bytes is dropped; then both end
#	garble N  the byte at N to the server is another one
#	pass
import socket
import sys
import threading


def relay(source, sink, kind, limit, both):
    seen = 0
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            if kind == "garble" and seen <= limit < seen + len(data):
                data = bytearray(data)
                data[limit - seen] ^= 0x55
            if kind in ("cut", "mute") and seen + len(data) > limit:
                sink.sendall(data[: limit - seen])
                break
            sink.sendall(data)
            seen += len(data)
    except OSError:
        pass
    for s in both:
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    port, plan = int(sys.argv[1]), sys.argv[2]
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    count = 0
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        with open(plan, encoding="ascii") as f:
            lines = f.read().splitlines()
        words = lines[count].split() if count < len(lines) else ["pass"]
        count += 1
        kind, limit = words[0], int(words[1]) if len(words) > 1 else 0
        there = kind if kind in ("cut", "garble") else "pass"
        back = kind if kind == "mute" else "pass"
        both = (client, server)
        for args in (
            (client, server, there, limit, both),
            (server, client, back, limit, both),
        ):
            threading.Thread(target=relay, args=args, daemon=True).start()


main()
