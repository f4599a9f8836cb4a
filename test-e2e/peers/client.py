"""A client with requests, for the peer stories: `client.py CASE BASE HOST…` prints one line of JSON a response."""

import hashlib
import json
import sys

import requests

BODY = b"branchline" * 20_000


def chunks():
    for at in range(0, len(BODY), 7_000):
        yield BODY[at : at + 7_000]


def show(response):
    body = response.content
    print(json.dumps({"status": response.status_code, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}))


case, base, *hosts = sys.argv[1:]
session = requests.Session()
session.trust_env = False
for host in hosts:
    headers = {"Host": host}
    if case == "get" or case == "reuse":
        show(session.get(base + "/", headers=headers))
    elif case == "post":
        show(session.post(base + "/", data=BODY, headers=headers))
    elif case == "chunked":
        show(session.post(base + "/", data=chunks(), headers=headers))
    elif case == "refuse":
        show(session.post(base + "/refuse", data=BODY[:1_000], headers=headers))
    elif case == "large":
        show(session.get(base + "/large?bytes=8000000", headers=headers))
    elif case == "leave":
        with session.get(base + "/large?bytes=80000000", headers=headers, stream=True) as response:
            response.raw.read(10_000)
        show(session.get(base + "/", headers=headers))
