"""The HTTP API: FastAPI under Mangum, and under uvicorn for the streaming routes."""
