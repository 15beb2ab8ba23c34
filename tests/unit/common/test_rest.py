"""The client of Mailman's REST API, against a real HTTP server."""

import base64
import http.server
import json
import socket
import threading
from http import HTTPStatus

import pytest

from listkit.common import rest
from listkit.common.rest import LoginRefused, RestClient, RestError, Unreachable

PASSWORD = "s3:cret"
LISTS = [{"fqdn_listname": "dev@example.org"}]


ANSWERS = {
    "/3.1/lists": {"entries": LISTS, "total_size": 1},
    "/3.1/none": {"total_size": 0},
    "/3.1/odd": {"entries": ["text"]},
    "/3.1/array": [1],
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as Mailman does."""

    def do_GET(self):
        login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        if login != f"restadmin:{PASSWORD}":
            self.send_error(HTTPStatus.UNAUTHORIZED)
        elif self.path == "/3.1/broken":
            self.reply(b"<html>")
        elif self.path == "/3.1/fails":
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
        elif self.path not in ANSWERS:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self.reply(json.dumps(ANSWERS[self.path]).encode())

    def do_POST(self):
        self.reply(self.rfile.read(int(self.headers["Content-Length"])))

    def reply(self, body):
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/3.1"
        server.shutdown()


@pytest.fixture
def client(url):
    return RestClient(PASSWORD, f"{url}/")


def test_a_resource_and_the_members_of_a_collection(client):
    assert client.get("lists")["total_size"] == 1
    assert client.entries("lists") == LISTS


def test_an_empty_collection_has_no_entries(client):
    assert client.entries("none") == []


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("missing", rest.NotFound, "/3.1/missing: 404"),
        ("fails", RestError, "/3.1/fails: 500"),
        ("broken", RestError, "/3.1/broken: the answer is not JSON"),
        ("array", RestError, "/3.1/array: the answer is not a JSON object but list"),
        ("odd", RestError, "/3.1/odd: the answer is not a collection"),
    ],
)
def test_an_answer_that_cannot_be_used_names_the_url_and_the_reason(client, path, kind, text):
    with pytest.raises(RestError, match=text) as caught:
        client.entries(path)
    assert type(caught.value) is kind


def test_a_wrong_password_is_a_refused_login_that_does_not_show_it(url):
    with pytest.raises(LoginRefused) as caught:
        RestClient("wr0ng", url).get("lists")
    assert "401" in str(caught.value) and "wr0ng" not in str(caught.value)


def test_a_port_where_nothing_listens_is_unreachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match="Connection refused"):
        RestClient(PASSWORD, f"http://127.0.0.1:{port}/3.1").get("lists")


@pytest.mark.parametrize("greeting", [b"", b"220 smtp\r\n"])
def test_a_server_that_speaks_no_http_or_hangs_up_is_unreachable(greeting):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(greeting)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Unreachable):
            RestClient(PASSWORD, f"http://127.0.0.1:{server.getsockname()[1]}/3.1").get("lists")
        thread.join()


def test_a_server_that_is_silent_is_unreachable_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = RestClient(PASSWORD, f"http://127.0.0.1:{server.getsockname()[1]}/3.1", timeout_seconds=0.05)
        with pytest.raises(Unreachable, match="timed out"):
            client.get("lists")


def test_a_proxy_of_the_environment_is_not_asked(client, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert RestClient(PASSWORD, client.url).entries("lists") == LISTS


def test_this_host_s_client_reads_the_password_file(url, tmp_path, monkeypatch):
    (tmp_path / "rest_password").write_text(f"{PASSWORD}\n")
    monkeypatch.setattr(rest, "PASSWORD_FILE", tmp_path / "rest_password")
    client = RestClient.of_this_host()
    client.url = url
    assert client.entries("lists") == LISTS


def test_posts_json(url):
    assert RestClient(PASSWORD, url).post_json("lists", {"add": ["ä"]}) == {"add": ["ä"]}
