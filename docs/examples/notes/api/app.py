"""The API of the notes application: keeps notes in Redis."""

import os

import redis
from flask import Flask, jsonify, request

app = Flask(__name__)
store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


@app.get("/notes")
def notes():
    return jsonify(store.lrange("notes", 0, 19))


@app.post("/notes")
def add():
    text = request.form.get("text", "").strip()
    if not text:
        return jsonify(error="text is missing"), 400
    store.lpush("notes", text)
    return jsonify(text), 201


@app.get("/healthz")
def healthz():
    store.ping()
    return "ok\n"
