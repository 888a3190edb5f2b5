"""A TLS front for a plain HTTP server, with its own certificate authority."""

import socket
import ssl
import subprocess
import threading


class TlsFront:
    """Ends TLS for one server. `authority` is the file that a client has to trust."""

    def __init__(self, directory, backend):
        """`backend` is `host:port`."""
        host, port = backend.split(":")
        self.backend = (host, int(port))
        key, self.authority = directory / "tls.key", directory / "tls.crt"
        subprocess.run(
            ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", self.authority],
            check=True, capture_output=True, timeout=30,
        )  # fmt: skip
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.authority, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # stopped
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            inside = self.context.wrap_socket(client, server_side=True)
            outside = socket.create_connection(self.backend, timeout=10)
        except OSError:
            client.close()
            return
        threading.Thread(target=self._copy, args=(outside, inside), daemon=True).start()
        self._copy(inside, outside)

    @staticmethod
    def _copy(source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()

    def stop(self):
        self.listener.close()
