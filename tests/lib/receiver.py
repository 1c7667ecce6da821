#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""receiver.py - takes what a vault sends: mail (SMTP) and POSTs, over TLS.

	receiver.py DIR CERTIFICATE KEY

writes DIR/ports ("SMTPS SMTP HTTPS"), then each message to DIR/mail.N and
DIR/post.N (with DIR/post.N.headers). While DIR/refuse is there, everything
is answered with a temporary error. SMTP wants user "vault" and the password
in DIR/password; plain SMTP takes nothing before STARTTLS.
"""
import base64
import http.server
import os
import socketserver
import ssl
import sys
import threading

directory, certificate, key = sys.argv[1:4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
lock = threading.Lock()
counts = {"mail": 0, "post": 0}


def path(name):
    return os.path.join(directory, name)


def store(kind, data, headers=None):
    with lock:
        counts[kind] += 1
        name = path("%s.%d" % (kind, counts[kind]))
    if headers is not None:
        with open(name + ".headers", "w") as f:
            f.write(headers)
    with open(name + ".part", "wb") as f:
        f.write(data)
    os.rename(name + ".part", name)


def refuses():
    return os.path.exists(path("refuse"))


class Post(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if refuses():
            open(path("refused"), "w").close()
        else:
            store("post", data, str(self.headers))
        self.send_response(503 if refuses() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Smtp(socketserver.StreamRequestHandler):
    is_tls = True

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def start_tls(self):
        self.say("220 go on")
        self.connection = context.wrap_socket(self.connection,
                                              server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.is_tls = True

    def login(self, words):
        given = words[2] if len(words) > 2 else self.ask()
        with open(path("password")) as f:
            want = "\0vault\0" + f.read().strip()
        self.is_known = base64.b64decode(given).decode() == want
        self.say("235 welcome" if self.is_known else "535 no")

    def ask(self):
        self.say("334 ")
        return self.rfile.readline().decode().strip()

    def take(self):
        self.say("354 go on")
        lines = []
        while True:
            line = self.rfile.readline()
            if not line or line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        store("mail", b"".join(lines))
        self.say("250 taken")

    def handle(self):
        self.is_known = False
        self.say("220 receiver")
        while True:
            words = self.rfile.readline().decode().split()
            if not words:
                return
            verb = words[0].upper()
            if verb == "EHLO":
                self.say("250-receiver")
                self.say("250 AUTH PLAIN" if self.is_tls
                         else "250 STARTTLS")
            elif verb == "STARTTLS":
                self.start_tls()
            elif verb == "QUIT":
                self.say("221 bye")
                return
            elif refuses():
                open(path("refused"), "w").close()
                self.say("451 later")
            elif verb == "AUTH" and self.is_tls:
                self.login(words)
            elif not self.is_known:
                self.say("530 who are you")
            elif verb == "DATA":
                self.take()
            else:
                self.say("250 yes")


class PlainSmtp(Smtp):
    is_tls = False


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def serve(handler, tls):
    server = Server(("127.0.0.1", 0), handler)
    if tls:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


ports = "%d %d %d\n" % (serve(Smtp, True), serve(PlainSmtp, False),
                        serve(Post, True))
with open(path("ports.part"), "w") as f:
    f.write(ports)
os.rename(path("ports.part"), path("ports"))
threading.Event().wait()
