#!/bin/sh
# What the Lambda Web Adapter starts; it waits on the same port. The runtime would set these paths, but is not run.
export PYTHONPATH="$PYTHONPATH:/opt/python:$LAMBDA_RUNTIME_DIR"
exec python3 -m uvicorn functions.api.serve:app --port "${PORT:-8080}" --no-access-log --lifespan off
