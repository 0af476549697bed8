"""The classic student project: Flask classifies while the sender waits (`gunicorn -w 2`, one model a process)."""

from flask import Flask, Response, jsonify, request

from tests.bench.peers.network import classifier

app = Flask(__name__)
network = classifier()


@app.post("/predict")
def predict() -> Response:
    """Classify the uploaded image."""
    return jsonify(probabilities=network.predict([request.files["image"].read()])[0])


@app.get("/health")
def health() -> str:
    """Say that the model is loaded."""
    return "ok"
