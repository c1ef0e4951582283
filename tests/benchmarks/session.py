"""A session with the real server over Streamlit's websocket protocol, without a browser."""

import contextlib
import hashlib
import re
import time
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

PATIENCE = 120.0
MEDIA = re.compile(r"/media/([0-9a-f]{32,})")
"""Files of pictures, which Streamlit names by their hash."""
INSIDE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")


@dataclass
class Answer:
    """The messages of the server from an action to the end of the script."""

    seconds: float
    messages: list[ForwardMsg] = field(default_factory=list)

    @property
    def text(self):
        """All messages as one text to search in."""
        return b"\n".join(m.SerializeToString() for m in self.messages).decode("utf-8", "replace")

    @property
    def pictures(self):
        """The hashes of all pictures."""
        inside = [
            hashlib.sha256(found.encode()).hexdigest() for found in INSIDE.findall(self.text)
        ]
        return frozenset(inside + MEDIA.findall(self.text))

    @property
    def problems(self):
        """Tracebacks and error boxes."""
        elements = [m.delta.new_element for m in self.messages if m.WhichOneof("type") == "delta"]
        raised = [e.exception.message for e in elements if e.WhichOneof("type") == "exception"]
        alerts = [e.alert for e in elements if e.WhichOneof("type") == "alert"]
        return raised + [alert.body for alert in alerts if alert.format == alert.ERROR]

    @property
    def address(self):
        """The query that the page wrote into the URL; None if there is none."""
        told = [m.page_info_changed for m in self.messages if m.HasField("page_info_changed")]
        return told[-1].query_string if told else None


class Session:
    """One websocket; each action waits for its answer."""

    def __init__(self, address):
        self._stack = contextlib.ExitStack()
        self._socket = self._stack.enter_context(
            connect(
                address.replace("http", "ws", 1) + "/_stcore/stream",
                subprotocols=["streamlit"],
                origin=address,
                max_size=None,
                open_timeout=PATIENCE,
            )
        )
        self.id = ""

    def visit(self, page="", query=""):
        """Open a page by its address."""
        ask = BackMsg()
        ask.rerun_script.page_name, ask.rerun_script.query_string = page, query
        started = time.perf_counter()
        self._socket.send(ask.SerializeToString())
        messages = []
        while not (messages and messages[-1].WhichOneof("type") == "script_finished"):
            messages.append(ForwardMsg.FromString(self._socket.recv(PATIENCE)))
            if messages[-1].WhichOneof("type") == "new_session":
                self.id = messages[-1].new_session.initialize.session_id
        return Answer(time.perf_counter() - started, messages)

    def upload_url(self):
        """Return the path to which a file may be uploaded."""
        ask = BackMsg()
        ask.file_urls_request.request_id, ask.file_urls_request.session_id = "1", self.id
        ask.file_urls_request.file_names.append("picture.png")
        self._socket.send(ask.SerializeToString())
        while True:
            message = ForwardMsg.FromString(self._socket.recv(PATIENCE))
            if message.WhichOneof("type") == "file_urls_response":
                return message.file_urls_response.file_urls[0].upload_url

    def close(self):
        """Close the websocket, as closing the tab does."""
        self._stack.close()
