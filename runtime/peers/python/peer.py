"""A gRPC client with Python's grpcio (gRPC's C core), for tests. It has the client commands of ../go/main.go."""

import json
import sys
import threading
import time
from collections import Counter

import grpc

UNLIMITED = [("grpc.max_receive_message_length", -1)]


def code_of(error):
    """Return the status under its Go name, such as DeadlineExceeded."""
    return "".join(part.capitalize() for part in error.code().name.split("_"))


def big(channel, size):
    try:
        response = channel.unary_unary("/peer.Peer/Big")(size.encode())
        return {"bytes": len(response), "code": "OK"}
    except grpc.RpcError as error:
        return {"bytes": 0, "code": code_of(error)}


def chat(channel, count, rate):
    count = int(count)
    received = threading.Semaphore(1)

    def messages():
        for _ in range(count):
            received.acquire()
            time.sleep(1 / int(rate))
            yield b"hello"

    got = 0
    try:
        for _ in channel.stream_stream("/peer.Peer/Chat")(messages()):
            got += 1
            received.release()
        return {"messages": got, "code": "OK"}
    except grpc.RpcError as error:
        return {"messages": got, "code": code_of(error)}


def deadlines(channel, count, rate, timeout_ms):
    call = channel.unary_unary("/peer.Peer/Slow")
    running = []
    for _ in range(int(count)):
        running.append(call.future(b"", timeout=int(timeout_ms) / 1000))
        time.sleep(1 / int(rate))
    return {"codes": Counter(code_of(each.exception()) for each in running)}


command, address, *arguments = sys.argv[1:]
with grpc.insecure_channel(address, options=UNLIMITED) as connected:
    commands = {"big": big, "chat": chat, "deadlines": deadlines}
    print(json.dumps(commands[command](connected, *arguments)))
