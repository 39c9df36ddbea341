"""scripted: what the scripted servers share (ca, hostile_ca): a script, certificates that are
good or spoilt, and an answer as it is told.

A line of a script is

    STEP WHICH VERB ...

WHICH counts the requests of that step (any: of whichever): 1, 2-5, 3- or *. What stands in
several lines happens in turn. At the step connect, before there is a request:

    hang                nothing at all
    close               the end of the connection; also `reset`
    plain TEXT          this, instead of TLS
    alert N             a fatal alert of TLS (RFC 8446 6.2)
    shows NAME          another certificate of the server's: stranger (of an unknown CA), other
                        (for another name), expired, future
    trusts NAME         a client certificate is asked for, and taken if it is below this CA
    demands             ... and has to be there

To an answer:

    status N            another status
    header NAME: VALUE  another header, or one more; \\0 in VALUE is a NUL
    without NAME        none
    set PATH JSON       a member of the answer, such as challenges.0.token "x"
    unset PATH
    body TEXT           this, instead of the answer; `said TEXT` has \\n, \\x1b and so on
    half                one half of it; `half again` (a quarter), and so on
    repeat N            as often
    flip N              one byte of it is another
    deep N              arrays in arrays
    gzip N              N bytes of nothing, compressed
    sub TEXT TEXT       one text for another: body, Location, Link; also '\\n' and so on
    cut N               the connection ends after so many bytes of the body; `reset N` by RST
    length TEXT         another Content-Length
    chunks TEXT         in chunks, which are this TEXT (with \\r\\n and so on)
    raw TEXT            this, instead of status line, headers and body
    endless headers     also `endless line`, `endless body`, `endless drip`, `endless chunks`
    hang                no answer at all
    close               the end of the connection instead of an answer
    hold FILE           all is done, but the answer waits: makes DIR/FILE.here, goes on
                        when there is no DIR/FILE

To a certificate that is issued: `issue` and

    days N              a lifetime; `expired`, `future`
    key                 for another key
    names A B...        others; `nameless`, none
    by NAME             of another CA: stranger, weak (RSA of 1024 bits), ended, leaf (which is
                        none), or `by cycle`: two that have issued each other
    hash NAME           signed with it
    with EXTENSION      as openssl has it, such as extendedKeyUsage=clientAuth
    alone               no chain; also `extra` (a certificate more), `private` (a key),
                        `reversed`, `none`, `many N`, `twice`
"""
import base64
import gzip
import http.server
import json
import os
import secrets
import shlex
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

ABORT = struct.pack("ii", 1, 0)  # of SO_LINGER: the end is RST


def openssl(*args, given=None):
    done = subprocess.run(["openssl", *args], input=given, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {args[0]}: {done.stderr.decode()}")
    return done.stdout


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def unescape(text):
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def moment(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))


class Authority:
    """Keys and certificates, made with the openssl command."""

    CA = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext",
          "keyUsage=critical,keyCertSign,cRLSign", "-addext", "subjectKeyIdentifier=hash"]
    DATED = """[ca]
default_ca = x
[x]
database = {0}/dated.index
new_certs_dir = {0}
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
email_in_dn = no
copy_extensions = copy
[any]
commonName = optional
"""

    def __init__(self, folder, days):
        self.folder = folder
        self.serials = set()
        self.lock = threading.Lock()
        with open(self.at("keyid.ext"), "w", encoding="ascii") as file:
            file.write("authorityKeyIdentifier=keyid\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.new_key = new_key
        ca = self.CA
        for name in ("root", "stranger"):
            openssl("req", "-x509", *new_key, *ca[2:], "-subj", f"/CN=Scripted {name}",
                    "-days", days, "-keyout", self.at(f"{name}.key"),
                    "-out", self.at(f"{name}.pem"))
        self.request("inter", "/CN=Scripted Intermediate", ca)
        self.sign("inter", "root", "-days", days)
        self.server("tls", "root", "-days", days)

    def server(self, name, by, *more, names="DNS:localhost,IP:127.0.0.1"):
        self.request(name, "/CN=localhost", ["-addext", f"subjectAltName={names}"])
        self.sign(name, by, *more)

    def more(self):
        """What only a script needs: CAs and servers that are not as they should be."""
        ca = self.CA
        for name in ("ended", "one", "two"):
            self.request(name, f"/CN=Scripted {name}", ca)
        openssl("req", "-new", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=Scripted weak", *ca,
                "-keyout", self.at("weak.key"), "-out", self.at("weak.csr"))
        self.sign("weak", "root")
        self.dated("ended", "root", -20, -10)
        self.circle()
        self.server("tls-stranger", "stranger")
        self.server("tls-other", "root", names="DNS:other.example.org")
        for name, first, last in ("tls-expired", -20, -10), ("tls-future", 10, 20):
            self.request(name, "/CN=localhost", ["-addext", "subjectAltName=DNS:localhost"])
            self.dated(name, "root", first, last)

    def circle(self):
        """Two CAs, each below the other: one signs itself first, with its final name."""
        openssl("x509", "-req", "-in", self.at("two.csr"), "-signkey", self.at("two.key"),
                "-copy_extensions", "copy", "-out", self.at("two.pem"))
        self.sign("one", "two")
        self.sign("two", "one")

    def at(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.at(name), encoding="ascii") as file:
            return file.read()

    def request(self, name, subject, more):
        openssl("req", "-new", *self.new_key, "-subj", subject, *more,
                "-keyout", self.at(f"{name}.key"), "-out", self.at(f"{name}.csr"))

    def sign(self, name, by, *more):
        serial = 1 << 118 | secrets.randbits(118)  # as long each time: a byte is where it is
        self.serials.add(serial)
        copy = [] if "-copy_extensions" in more else ["-copy_extensions", "copy"]
        if "-extfile" not in more:
            copy += ["-extfile", self.at("keyid.ext")]
        openssl("x509", "-req", "-in", self.at(f"{name}.csr"), "-out", self.at(f"{name}.pem"),
                "-CA", self.at(f"{by}.pem"), "-CAkey", self.at(f"{by}.key"), "-days", "10",
                *copy, "-set_serial", str(serial), *more)

    def dated(self, name, by, first, last, *more):
        """From one day until another, counted from now. The command keeps an index."""
        with self.lock:
            open(self.at("dated.index"), "a", encoding="ascii").close()
            with open(self.at("dated.cnf"), "w", encoding="ascii") as file:
                file.write(self.DATED.format(self.folder))
            if "-extfile" not in more:
                more += ("-extfile", self.at("keyid.ext"))
            openssl("ca", "-config", self.at("dated.cnf"), "-batch", "-notext",
                    "-in", self.at(f"{name}.csr"), "-out", self.at(f"{name}.pem"),
                    "-cert", self.at(f"{by}.pem"), "-keyfile", self.at(f"{by}.key"),
                    "-startdate", moment(first), "-enddate", moment(last), *more)

    def issue(self, csr, how):
        """A list of PEM. `how`: the words after `issue`, a list for each."""
        name, more, days, by = "leaf" + secrets.token_hex(4), [], None, "inter"
        extensions = ["extendedKeyUsage=serverAuth", "authorityKeyIdentifier=keyid"]
        with open(self.at(f"{name}.csr"), "wb") as file:
            file.write(csr if csr.startswith(b"-") else openssl("req", "-inform", "DER", given=csr))
        for verb, *args in how:
            if verb == "days":
                more += ["-days", args[0]]
            elif verb == "key":
                more += ["-force_pubkey", self.stranger()]
            elif verb == "names":
                more += ["-copy_extensions", "none"]
                extensions.append("subjectAltName=" + ",".join("DNS:" + n for n in args))
            elif verb == "nameless":
                more += ["-copy_extensions", "none"]
            elif verb == "with":
                wanted = args[0].partition("=")[0]
                extensions = [e for e in extensions if e.partition("=")[0] != wanted] + args
            elif verb == "hash":
                more += ["-" + args[0]]
            elif verb == "by":
                by = {"leaf": "tls", "cycle": "one"}.get(args[0], args[0])
            elif verb in ("expired", "future"):
                days = (-20, -10) if verb == "expired" else (10, 20)
        with open(self.at(f"{name}.ext"), "w", encoding="ascii") as file:
            file.write("\n".join(extensions))
        if days is None:
            self.sign(name, by, "-extfile", self.at(f"{name}.ext"), *more)
        else:
            self.dated(name, by, *days, "-extfile", self.at(f"{name}.ext"))
        return self.chain(self.read(f"{name}.pem"), by, how)

    def stranger(self):
        with self.lock:
            with open(self.at("stranger.pub"), "wb") as file:
                file.write(openssl("pkey", "-in", self.at("stranger.key"), "-pubout"))
        return self.at("stranger.pub")

    def chain(self, leaf, by, how):
        certs = [leaf, self.read(f"{by}.pem")]
        if by == "one":
            certs.append(self.read("two.pem"))
        for verb, *args in how:
            if verb == "alone":
                certs = certs[:1]
            if verb == "extra":
                certs.append(self.read("stranger.pem"))
            if verb == "private":
                certs.append(self.read("stranger.key"))
            if verb == "reversed":
                certs.reverse()
            if verb == "twice":
                certs = certs[:1] + certs
            if verb == "many":
                certs += certs[1:] * int(args[0])
            if verb == "none":
                certs = []
        return certs


class Script:
    """What it is told, for one request."""

    def __init__(self, lines, step, number):
        self.rules = []
        for line in lines:
            words = line.split(None, 2)
            if len(words) == 3 and words[0] in (step, "any" if step != "connect" else step) and self.counts(words[1], number):
                verb, _, rest = words[2].partition(" ")
                self.rules.append((verb, rest))

    @staticmethod
    def counts(which, number):
        first, dash, last = which.partition("-")
        if first == "*":
            return True
        return int(first) <= number <= int(last or (sys.maxsize if dash else first))

    def all(self, verb):
        return [rest for v, rest in self.rules if v == verb]

    def first(self, verb):
        return next(iter(self.all(verb)), None)

    def issue(self):
        return [shlex.split(words) for words in self.all("issue")]


def read_lines(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


class Speaker(http.server.BaseHTTPRequestHandler):
    """One connection. Of the server it needs: script(step, number), arrived(step), say(text),
    folder, and context(script), of TLS (None: there is none)."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        number = self.server.arrived("connect")
        self.script = self.server.script("connect", number)
        self.server.say(f"connect {number} {self.client_address[0]}")
        self.before_tls()
        context = self.server.context(self.script)
        if context is not None:
            self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()

    def before_tls(self):
        told = self.script.first
        if told("hang") is not None:
            time.sleep(3600)
        if {"close", "reset", "alert", "plain"} & {verb for verb, _ in self.script.rules}:
            self.request.recv(65536)
        if told("alert") is not None:
            self.request.sendall(bytes([21, 3, 3, 0, 2, 2, int(told("alert"))]))
        if told("plain") is not None:
            self.request.sendall(unescape(told("plain")))
        if told("reset") is not None:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        if {"close", "reset", "alert", "plain"} & {verb for verb, _ in self.script.rules}:
            raise OSError("told to end")

    def log_message(self, format, *args):
        pass

    def read_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    # -- the answer, as it is told --

    def answer(self):
        hold = self.script.first("hold")
        if hold is not None:
            self.wait(os.path.join(self.server.folder, hold))
        if self.script.first("hang") is not None:
            time.sleep(3600)
        if self.script.first("close") is not None:
            self.close_connection = True
            return
        self.send(*self.told())

    @staticmethod
    def wait(path):
        open(path + ".here", "w").close()
        while os.path.exists(path):
            time.sleep(0.01)

    def told(self):
        """Status, headers and body after the script."""
        kind = "application/problem+json" if self.status >= 400 else "application/json"
        fields = {"Content-Type": kind, "Cache-Control": "no-store"} | self.fields
        status, reply, more = self.status, json.loads(json.dumps(self.reply)) \
            if not isinstance(self.reply, bytes) else self.reply, []
        for verb, rest in self.script.rules:
            name, _, value = rest.partition(" ")
            if verb == "status":
                status = int(rest)
            elif verb == "header":
                name, _, value = rest.partition(": ")
                more.append((name, value.replace("\\0", "\0")))
                fields.pop(name, None)
            elif verb == "without":
                fields.pop(rest, None)
            elif verb in ("set", "unset"):
                self.put(reply, name.split("."), verb == "set", value)
            else:
                reply = self.spoil(reply, verb, rest, fields)
        body = self.octets(reply)
        fields = list(fields.items()) + more
        for rest in self.script.all("sub"):
            old, new = (unescape(text).decode() for text in shlex.split(rest))
            body = body.replace(old.encode(), new.encode())
            fields = [(name, value.replace(old, new)) for name, value in fields]
        return status, fields, body

    @staticmethod
    def octets(reply):
        return b"" if reply is None else reply if isinstance(reply, bytes) \
            else json.dumps(reply).encode()

    def spoil(self, reply, verb, rest, fields):
        """The whole of it."""
        if verb == "body":
            return rest.encode()
        if verb == "said":
            return unescape(rest)
        if verb == "deep":
            return b"[" * int(rest) + b"]" * int(rest)
        if verb == "gzip":
            fields["Content-Encoding"] = "gzip"
            return gzip.compress(bytes(1 << 20), 9, mtime=0) * (int(rest) >> 20)
        if verb == "half":
            return self.octets(reply)[:len(self.octets(reply)) // (2 + 2 * len(rest.split()))]
        if verb == "repeat":
            return self.octets(reply) * int(rest)
        if verb == "flip":
            body, at = bytearray(self.octets(reply)), int(rest)
            body[at] ^= 1
            return bytes(body)
        return reply

    @staticmethod
    def put(reply, path, keep, value):
        for word in path[:-1]:
            reply = reply[int(word) if isinstance(reply, list) else word]
        last = int(path[-1]) if isinstance(reply, list) else path[-1]
        if keep:
            reply[last] = json.loads(value)
        elif isinstance(reply, list) or last in reply:
            del reply[last]

    def send(self, status, fields, body):
        told = self.script.first
        if told("raw") is not None:
            self.wfile.write(unescape(told("raw")))
            self.close_connection = True
            return
        endless = told("endless")
        self.write(f"HTTP/1.1 {status} Told\r\n")
        for name, value in fields:
            self.write(f"{name}: {value}\r\n")
        if endless in ("headers", "line"):
            self.write("X-More: ")
            while True:
                self.write("x" * 1000 + ("\r\nX-More: " if endless == "headers" else ""))
        if told("chunks") is not None or endless == "chunks":
            self.write("Transfer-Encoding: chunked\r\n")
        elif endless is None:
            self.write(f"Content-Length: {told('length') or len(body)}\r\n")
        self.write("\r\n")
        while endless is not None:
            self.write({"drip": " ", "chunks": "1\r\nx\r\n" * 1000}.get(endless, " " * 65536))
            time.sleep(1 if endless == "drip" else 0)
        if self.command != "HEAD":
            self.send_body(body)

    def send_body(self, body):
        told = self.script.first
        if told("chunks") is not None:
            body = unescape(told("chunks"))
        for verb in "cut", "reset":
            if told(verb) is not None:
                self.wfile.write(body[:int(told(verb))])
                self.close_connection = True
        if told("reset") is not None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            os.close(self.connection.detach())
        elif told("cut") is None:
            self.wfile.write(body)
        if told("length") is not None or told("chunks") is not None:
            self.close_connection = True

    def write(self, text):
        self.wfile.write(text.encode("latin-1"))


def contexts(folder):
    """TLS by what is told at connect."""
    def context(script):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        name = script.first("shows")
        name = "tls" if name is None else f"tls-{name}"
        c.load_cert_chain(os.path.join(folder, f"{name}.pem"), os.path.join(folder, f"{name}.key"))
        trusts = script.first("trusts")
        if trusts is not None or script.first("demands") is not None:
            c.verify_mode = ssl.CERT_OPTIONAL if script.first("demands") is None else ssl.CERT_REQUIRED
            c.load_verify_locations(os.path.join(folder, f"{trusts or 'root'}.pem"))
        return c
    return context
